"""The commands that ask the past."""

import argparse

from vitals.cli.parsing import Parsers, data_folder, later


def add(commands: Parsers) -> None:
    """Add the commands that ask the past."""
    _whatif(commands)
    _report(commands)
    _patient(commands)


def _whatif(commands: Parsers) -> None:
    whatif = commands.add_parser(
        "whatif",
        help="how many alerts other limits would have given",
        description="Let a patient's records of the last days go through the detectors"
        " and the alert rules once more, under the limits in force and under new ones,"
        " and compare.  FILE is TOML (or JSON): [limits.heart_rate] with low, high,"
        " hold_s; what it does not name stays as it is.  Nothing is changed, nobody is"
        " told.",
    )
    whatif.add_argument("--patient", required=True, metavar="SUBJECT")
    whatif.add_argument("--limits", required=True, metavar="FILE", help="- for stdin")
    whatif.add_argument("--days", type=_days, default=30.0, help="default: 30")
    whatif.add_argument("--json", action="store_true", help="for programs")
    data_folder(whatif, "of a demo or an SQLite store")
    whatif.set_defaults(command=later("whatif"))


def _report(commands: Parsers) -> None:
    report = commands.add_parser("report", help="how we do, in figures")
    subjects = report.add_subparsers(title="reports", required=True)
    alerts = subjects.add_parser(
        "alerts",
        help="how many alerts there were, and what became of them",
        description="Sum up the alerts of the last days: how many a patient and day, by"
        " kind and condition; how many people have seen, how many ended by themselves,"
        " how many were false; how long people took.",
    )
    alerts.add_argument("--days", type=_days, default=30.0, help="default: 30")
    alerts.add_argument("--json", action="store_true", help="for programs")
    data_folder(alerts, "of a demo or an SQLite store")
    alerts.set_defaults(command=later("report"))


def _patient(commands: Parsers) -> None:
    patient = commands.add_parser("patient", help="everything of one patient")
    deeds = patient.add_subparsers(title="what to do", required=True)
    export = deeds.add_parser(
        "export",
        help="write it into a new folder, as JSON lines",
        description="Write everything that is kept of a patient into a new folder: name"
        " and who may see what, records, alerts with their story, notes, every plan,"
        " and who looked.  The log says that somebody did.  FOLDER/records.jsonl is"
        " what `vitals import` reads.",
    )
    export.add_argument("subject", metavar="SUBJECT")
    export.add_argument("folder", metavar="FOLDER", help="a new one")
    data_folder(export, "of a demo or an SQLite store")
    export.set_defaults(command=later("dossier"))


def _days(text: str) -> float:
    """Read a number of days; argparse says what is wrong."""
    days = float(text)
    if not 0 < days <= 3660:
        raise argparse.ArgumentTypeError("from 0 to 3660 days")
    return days

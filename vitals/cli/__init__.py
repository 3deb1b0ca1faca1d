"""The command line.  It wires the rooms together: only here may all of them meet.

Rooms are imported when their command runs, so that a gateway needs no numba and
`vitals --help` is quick.
"""

import argparse

from vitals import __version__
from vitals.cli import duty, hospital, looking_back
from vitals.cli.parsing import Parser, Parsers
from vitals.cli.parsing import config_file as _config
from vitals.cli.parsing import data_folder as _data
from vitals.cli.parsing import later as _later

STAGES = ("sim", "gateway", "ingest", "dsp", "alerts", "portal")


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    top = Parser(
        prog="vitals",
        description="Vital signs from a wearable's radio to the clinician's alert and"
        " the patient's chart.  No emergency service.",
    )
    top.add_argument("--version", action="version", version=f"vitals {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for add in (_demo, _run, _sim, _record, _replay, _doctor, _scan, _user, _audit):
        add(commands)
    for add in (_export, _import, _migrate, _backup, _restore):
        add(commands)
    for adder in (hospital, looking_back, duty):
        adder.add(commands)
    for add in (_check_in, _assign, _assignments, _channel):
        add(commands)
    return top


def _demo(commands: Parsers) -> None:
    demo = commands.add_parser(
        "demo",
        help="everything in one go, on simulated wearables",
        description="Run the whole house in this process on simulated wearables: a"
        " broker, a store, a page to open.  Ctrl-C ends it.",
    )
    demo.add_argument("--seconds", type=float, help="stop by itself after this long")
    demo.add_argument("--summary", metavar="FILE", help="write the summary as JSON")
    demo.add_argument(
        "--wearables", type=int, default=4, metavar="N", help="4 to 100 (default: 4)"
    )
    demo.add_argument(
        "--port", type=_port, default=8000, help="of the page (default: 8000; 0: any)"
    )
    demo.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="of simulated time"
    )
    demo.add_argument(
        "--rr",
        metavar="FILE",
        help="the first strap beats these RR intervals: ms, one a line",
    )
    demo.add_argument("--data", metavar="DIR", help="keep the data here")
    demo.add_argument("--ledger", metavar="FILE", help="note every value that was sent")
    demo.set_defaults(command=_later("demo"))


def _run(commands: Parsers) -> None:
    run = commands.add_parser(
        "run",
        help="run stages of an installation",
        description="Run stages in this process until it is told to stop.  Start them"
        " in one process or in many; they meet on the MQTT broker.",
    )
    run.add_argument(
        "stages", nargs="+", choices=STAGES, metavar="STAGE", help=", ".join(STAGES)
    )
    _config(run)
    run.add_argument(
        "--metrics", metavar="FILE", help="keep Prometheus text in this file"
    )
    run.add_argument(
        "--log",
        default="INFO",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        help="level (default: INFO)",
    )
    run.set_defaults(command=_later("stages"))


def _sim(commands: Parsers) -> None:
    sim = commands.add_parser(
        "sim",
        help="simulated wearables, and what goes wrong with them",
        description="Run simulated wearables on a simulated radio, which a gateway"
        " reaches over TCP, with the people, events and faults of a configuration or of"
        " a scenario.  --fault adds more: strap-1:silent@30+10 is silent from the 30th"
        " second on for ten.",
    )
    which = sim.add_mutually_exclusive_group()
    _config(which)
    which.add_argument("--scenario", metavar="NAME", help="one of --list, or a file")
    which.add_argument(
        "--list", action="store_true", help="show the scenarios and the faults"
    )
    sim.add_argument(
        "--fault", action="append", default=[], metavar="DEVICE:KIND@AT+FOR"
    )
    sim.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="DEVICE:KEY=VALUE",
        help="change a wearable: strap-1:private_s=900",
    )
    sim.add_argument("--bonds", metavar="FILE", help="keep the wearables' bonds")
    sim.add_argument("--speed", type=float, metavar="X", help="of simulated time")
    sim.add_argument("--port", type=int, help="of the radio (0: any)")
    sim.add_argument("--seconds", type=float, help="stop by itself after this long")
    sim.add_argument("--ledger", metavar="FILE", help="note what became of every value")
    sim.set_defaults(command=_later("sim"))


def _record(commands: Parsers) -> None:
    record = commands.add_parser(
        "record", help="write what is on the bus to a file, as JSON lines"
    )
    record.add_argument("file", metavar="FILE", help="- for standard output")
    record.add_argument("--seconds", type=float, help="stop by itself after this long")
    _config(record)
    record.set_defaults(command=_later("tape", "record"))


def _replay(commands: Parsers) -> None:
    replay = commands.add_parser(
        "replay",
        help="put recorded records on the bus again",
        description="Publish the records of a recording, and nothing else of it, in"
        " their order.  The detectors give the same anomalies again.",
    )
    replay.add_argument("file", metavar="FILE", help="- for standard input")
    replay.add_argument(
        "--speed", type=float, metavar="X", help="keep the pauses, X times as fast"
    )
    _config(replay)
    replay.set_defaults(command=_later("tape", "replay"))


def _export(commands: Parsers) -> None:
    export = commands.add_parser(
        "export", help="print every stored record, as JSON lines or otherwise"
    )
    export.add_argument(
        "--format",
        choices=("json", "csv", "line", "fhir"),
        default="json",
        help="line: InfluxDB's line protocol, times in ns; fhir: R4 resources as NDJSON"
        " (default: json)",
    )
    _data(export, "of a demo or an SQLite store")
    export.set_defaults(command=_later("export"))


def _import(commands: Parsers) -> None:
    read = commands.add_parser(
        "import",
        help="store the records that `vitals export` printed as JSON lines",
        description="Store exported records.  What is there already stays one, so an"
        " import may be repeated.  A line that is no record ends it, with a word; those"
        " before it are stored.",
    )
    read.add_argument("file", metavar="FILE", help="- for standard input")
    _data(read, "an SQLite store's, which is made if it is not there")
    read.set_defaults(command=_later("intake", "read"))


def _migrate(commands: Parsers) -> None:
    migrate = commands.add_parser(
        "migrate",
        help="copy the SQLite store into InfluxDB",
        description="Copy every record of the data folder's store.db into the InfluxDB"
        " of the configuration, and make its rollups.  Stop `vitals run ingest` first:"
        " gateways keep what they record meanwhile.  It may be repeated.",
    )
    _data(migrate, "where store.db is, if not in the configuration's")
    migrate.set_defaults(command=_later("intake", "migrate"))


def _backup(commands: Parsers) -> None:
    backup = commands.add_parser(
        "backup",
        help="copy everything under `data` into a new folder, while it is in use",
        description="Copy every database under `data` as it is at one moment, with the"
        " detectors' memory and a manifest, into a folder that is whole or not there.",
    )
    backup.add_argument("folder", metavar="FOLDER", help="it must not exist yet")
    _data(backup, "the data folder, if not the configuration's")
    backup.set_defaults(command=_later("backup", "backup"))


def _restore(commands: Parsers) -> None:
    restore = commands.add_parser(
        "restore",
        help="put a backup back; vitals must not run meanwhile",
        description="Check a backup and put it into the data folder.  What was there is"
        " moved into a folder beside it.",
    )
    restore.add_argument("folder", metavar="FOLDER", help="of `vitals backup`")
    _data(restore, "the data folder, if not the configuration's")
    restore.set_defaults(command=_later("backup", "restore"))


def _doctor(commands: Parsers) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="check configuration, broker, store, clock, disk, radio",
        description="Check this installation and say what to do about each problem."
        "  Exit code 1 when there is one.  Nothing is changed.",
    )
    _config(doctor)
    doctor.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        metavar="N",
        help="to listen for wearables (default: 10)",
    )
    doctor.add_argument(
        "--share",
        action="store_true",
        help="mask addresses, names and secrets, so that the text can be posted",
    )
    doctor.set_defaults(command=_later("doctor"))


def _scan(commands: Parsers) -> None:
    scan = commands.add_parser(
        "scan",
        help="list the Bluetooth devices nearby",
        description="List the Bluetooth devices nearby with name, address and signal,"
        " and which of them are configured.  Nobody is connected.",
    )
    _config(scan)
    scan.add_argument(
        "--adapter", metavar="NAME", help="default: gateway.adapter, or BlueZ's first"
    )
    scan.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        metavar="N",
        help="to listen (default: 10)",
    )
    scan.set_defaults(command=_later("scan"))


def _user(commands: Parsers) -> None:
    user = commands.add_parser("user", help="people who may log in")
    _config(user)
    actions = user.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="let somebody in; asks for a password")
    add.add_argument("name")
    roles = ("patient", "family", "nurse", "doctor", "clinician", "admin")
    add.add_argument("--role", choices=roles, required=True)
    add.add_argument("--subject", help="whose data a patient sees: their own pseudonym")
    add.add_argument(
        "--patients",
        nargs="*",
        default=[],
        help="pseudonyms that a nurse or doctor cares for",
    )
    passwd = actions.add_parser("passwd", help="change a password; asks for it")
    passwd.add_argument("name")
    link = actions.add_parser(
        "link", help="a one-time link to choose a password, or to set up"
    )
    link.add_argument(
        "name", nargs="?", help="of the first administrator when left out"
    )
    role = actions.add_parser("role", help="make somebody something else")
    role.add_argument("name")
    role.add_argument("role", choices=roles)
    role.add_argument(
        "--subject", help="whose data a patient sees: their own pseudonym"
    )
    change = actions.add_parser(
        "change", help="change whom a nurse or doctor cares for"
    )
    change.add_argument("name")
    change.add_argument(
        "--patients", nargs="*", required=True, help="these and no others"
    )
    remove = actions.add_parser("remove", help="let somebody in no more")
    remove.add_argument("name")
    listing = actions.add_parser("list", help="show who may log in")
    add.set_defaults(command=_later("people", "add"))
    passwd.set_defaults(command=_later("people", "passwd"))
    link.set_defaults(command=_later("people", "link"))
    role.set_defaults(command=_later("people", "role"))
    change.set_defaults(command=_later("people", "change"))
    remove.set_defaults(command=_later("people", "remove"))
    listing.set_defaults(command=_later("people", "show"))


def _audit(commands: Parsers) -> None:
    audit = commands.add_parser(
        "audit", help="check that the log of who saw and changed what is whole"
    )
    _data(audit, "the data folder, if not the configuration's")
    audit.add_argument(
        "--kept", metavar="LINES:HASH", help="what this printed earlier must still hold"
    )
    audit.set_defaults(command=_later("people", "audit"))


def _check_in(commands: Parsers) -> None:
    check_in = commands.add_parser(
        "check-in",
        help="say who uses a shared wearable now",
        description="What a shared wearable measures from now on is this person's, for"
        " so many minutes or until the next check-in.",
    )
    check_in.add_argument("device", metavar="DEVICE")
    check_in.add_argument("subject", metavar="SUBJECT", help="a pseudonym: p-1001")
    check_in.add_argument("--minutes", type=float, help="default: the wearable's own")
    check_in.add_argument("--why", default="", help="for the audit trail")
    check_in.add_argument("--by", metavar="NAME", help="who says so (default: you)")
    _to_gateway(check_in)
    check_in.set_defaults(command=_later("assigning", "check_in"))


def _assign(commands: Parsers) -> None:
    assign = commands.add_parser(
        "assign",
        help="correct whose readings are whose",
        description="What a wearable measured at a time, or from one to another, is"
        " this person's.  Readings that wait get an owner; those that another person"
        " has are moved.  Times are UTC unless they say otherwise.",
    )
    assign.add_argument("device", metavar="DEVICE")
    assign.add_argument("subject", metavar="SUBJECT", help="a pseudonym, or - : nobody")
    when = assign.add_mutually_exclusive_group(required=True)
    when.add_argument("--at", metavar="TIME", help="of a reading: 2026-01-31T08:05:12Z")
    when.add_argument("--from", dest="since", metavar="TIME", help="first of several")
    assign.add_argument("--to", dest="until", metavar="TIME", help="and the last")
    assign.add_argument("--user", type=int, metavar="SLOT", help="only of this slot")
    assign.add_argument("--why", required=True, help="for the audit trail")
    assign.add_argument("--by", metavar="NAME", help="who says so (default: you)")
    _to_gateway(assign)
    assign.set_defaults(command=_later("assigning", "assign"))


def _assignments(commands: Parsers) -> None:
    shown = commands.add_parser(
        "assignments", help="show readings that wait for an owner, and the audit trail"
    )
    _to_gateway(shown)
    shown.set_defaults(command=_later("assigning", "show"))


def _channel(commands: Parsers) -> None:
    channel = commands.add_parser("channel", help="ways to reach people about alerts")
    _config(channel)
    actions = channel.add_subparsers(metavar="ACTION", required=True)
    test = actions.add_parser(
        "test", help="send a message that says that it is a test, by one channel"
    )
    test.add_argument("name", metavar="NAME", help="of [[alerts.channels]]")
    listing = actions.add_parser("list", help="show the channels, and how each does")
    test.set_defaults(command=_later("channel", "test"))
    listing.set_defaults(command=_later("channel", "show"))


def _to_gateway(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--gateway", metavar="NAME", help="default: gateway.name of the configuration"
    )
    _config(command)


def _port(text: str) -> int:
    """Read a port; argparse says what is wrong."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port

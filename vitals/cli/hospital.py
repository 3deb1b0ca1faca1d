"""The command that speaks to a hospital's server."""

from vitals import Kind
from vitals.cli.parsing import Parsers, data_folder, later

MEASURED = [kind.value for kind in Kind if kind is not Kind.BATTERY]


def add(commands: Parsers) -> None:
    """Add the command."""
    fhir = commands.add_parser("fhir", help="records into a hospital's FHIR server")
    actions = fhir.add_subparsers(metavar="ACTION", required=True)
    push = actions.add_parser(
        "push",
        help="send a patient's records to a FHIR R4 server",
        description="Send one patient's records as transaction Bundles.  What the"
        " server has already stays one, so a push may be repeated.",
    )
    push.add_argument("--url", help="the server's base: https://ehr.example/fhir")
    push.add_argument("--patient", required=True, metavar="SUBJECT")
    push.add_argument(
        "--as",
        dest="known_as",
        default="",
        metavar="Patient/ID",
        help="the patient there (default: one is created under the pseudonym)",
    )
    push.add_argument("--from", dest="since", metavar="TIME", help="first record")
    push.add_argument("--to", dest="until", metavar="TIME", help="end, exclusive")
    push.add_argument(
        "--kind", action="append", choices=MEASURED, help="only this kind; repeatable"
    )
    push.add_argument("--token-file", metavar="FILE", help="with a bearer token")
    push.add_argument(
        "--dry-run", action="store_true", help="print the Bundles, send nothing"
    )
    data_folder(push, "of a demo or an SQLite store")
    push.set_defaults(command=later("fhir", "push"))

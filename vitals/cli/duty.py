"""The commands about alarms and duty: what the alert engine is told by hand."""

from vitals.cli.parsing import Parser, Parsers, config_file, later


def add(commands: Parsers) -> None:
    """Add `vitals alarm` and what it can do."""
    alarm = commands.add_parser("alarm", help="test alarms, maintenance, standing in")
    actions = alarm.add_subparsers(metavar="ACTION", required=True)
    for one in (_test(actions), *_service(actions), _relieve(actions)):
        one.add_argument("--by", metavar="NAME", help="who says so (default: you)")
        config_file(one)


def _test(actions: Parsers) -> Parser:
    test = actions.add_parser(
        "test",
        help="raise a test alarm and say whom it reached",
        description="Raise an alarm that goes the way of all alarms, is marked as a"
        " test and is over after a minute; say whom it was told.",
    )
    test.add_argument("--subject", required=True, help="a pseudonym: p-1001, or house")
    test.set_defaults(command=later("alarm", "test"), comment="")
    return test


def _service(actions: Parsers) -> tuple[Parser, Parser]:
    out = actions.add_parser(
        "out",
        help="take a wearable or gateway out of service",
        description="Mute the technical alerts of a device while somebody works on it."
        "  What is measured of a person is never muted.",
    )
    out.add_argument("--hours", type=float, required=True, help="at most 168")
    back = actions.add_parser("in", help="put it into service before its time")
    for one, name in ((out, "out"), (back, "in_")):
        one.add_argument("device", metavar="DEVICE")
        one.add_argument("--subject", required=True, help="whose, or house")
        one.add_argument("--why", dest="comment", default="", help="for the ledger")
        one.set_defaults(command=later("alarm", name))
    return out, back


def _relieve(actions: Parsers) -> Parser:
    relieve = actions.add_parser(
        "relieve",
        help="let somebody stand in for another",
        description="From now on NAME is told in place of who says so, and has all"
        " open alerts that they were told of or have taken.",
    )
    relieve.add_argument("to", metavar="NAME", help="of alerts.people")
    relieve.add_argument("--hours", type=float, default=12.0, help="default: 12")
    relieve.add_argument("--why", dest="comment", default="", help="for the ledger")
    relieve.set_defaults(command=later("alarm", "relieve"), subject="house")
    return relieve

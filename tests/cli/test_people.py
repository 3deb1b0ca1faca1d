"""`vitals user` and `vitals audit`."""

import sqlite3

from portal.audit import Audit
from portal.people import People


def run(toml, *arguments, stdin=""):
    from vitals.cli import main

    return main(list(arguments))

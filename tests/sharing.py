"""The order of a run's tests, whose files are shared among workers (`--dist loadfile`).

A file goes to whichever worker is free.  Those that take long come first, so that none
is still at work when all the others are done.
"""

import pytest


def order(items: list[pytest.Item]) -> None:
    """Sort: the virtual machine's file, then files with slow tests, then the rest."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    machine = {item.path for item in items if item.get_closest_marker("bluez")}
    items.sort(key=lambda item: (item.path not in machine, item.path not in slow))

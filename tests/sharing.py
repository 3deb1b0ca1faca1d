"""How a run's tests are shared among worker processes (pytest-xdist's "loadgroup").

The longest come first, so that no worker is left alone with one at the end.  Slow tests
go one by one; the rest, whose fixtures cost more than they do, file by file.
"""

import pytest


def share(items: list[pytest.Item]) -> None:
    """Put the tests into their order and groups."""
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_turn)


def _group(item):
    if item.get_closest_marker("xdist_group"):
        return ""
    return "" if item.get_closest_marker("slow") else item.nodeid.partition("::")[0]


def _turn(item):
    marks = {mark.name for mark in item.iter_markers()}
    return "bluez" not in marks, "slow" not in marks

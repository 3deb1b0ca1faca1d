"""The order of a run's tests, whose files are shared among workers (`--dist loadfile`).

A file goes to whichever worker is free.  Those that take long come first, so that none
is still at work when all the others are done.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONG = (  # each takes half a minute or more, the longest first
    "scenarios/test_scenarios.py",
    "portal/test_patient_browser.py",
    "system/test_watchdog.py",
    "gateway/test_bluez.py",
    "scenarios/test_night.py",
    "system/test_demo.py",
    "ingest/test_store.py",
    "scenarios/test_radio.py",
    "cli/test_doctor_broker.py",
    "scenarios/test_hostile.py",
    "portal/test_browser.py",
    "system/test_kills.py",
    "portal/test_schema.py",
    "scenarios/test_adapter.py",
    "alerts/test_kill.py",
    "portal/test_api.py",
    "portal/test_authorisation.py",
)


def order(items: list[pytest.Item]) -> None:
    """Sort: the virtual machine's file, the long, others with slow tests, the rest."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    machine = {item.path for item in items if item.get_closest_marker("bluez")}
    places = {TESTS / name: place for place, name in enumerate(LONG)}

    def place(item: pytest.Item) -> tuple[bool, int, bool]:
        path = item.path
        return path not in machine, places.get(path, len(LONG)), path not in slow

    items.sort(key=place)

"""The life of an alert, as a table: ANSI/ISA-18.2 (CLINICAL 5).

`TABLE` holds what moves, `SELF_CLEARING` what differs for alerts that do not latch,
`IGNORED` what changes nothing.  Every state and event is in exactly one of TABLE and
IGNORED, and a test keeps it so.
"""

from enum import StrEnum
from itertools import product
from typing import get_args

from vitals.model import State


class Event(StrEnum):
    """What can happen to an alert."""

    ALARM = "alarm"  # its anomaly begins or goes on
    RISE = "rise"  # its priority rises, or its value is much worse
    RELAPSE = "relapse"  # a new episode, after people have seen the one before
    ACKNOWLEDGE = "acknowledge"  # a person has seen it
    RETURNED = "returned"  # its anomaly is over
    SHELVE = "shelve"  # a person silences it until an end
    UNSHELVE = "unshelve"  # that end has come


STATES: tuple[State, ...] = get_args(State)
# No event leads into these two, so none leads out of them either.
UNREACHED: tuple[State, ...] = ("suppressed", "out_of_service")

TABLE: dict[tuple[State, Event], State] = {
    ("normal", Event.ALARM): "unacknowledged",
    ("normal", Event.RISE): "unacknowledged",
    ("unacknowledged", Event.ALARM): "unacknowledged",
    ("unacknowledged", Event.RISE): "unacknowledged",
    ("unacknowledged", Event.ACKNOWLEDGE): "acknowledged",
    ("unacknowledged", Event.RETURNED): "returned_unacknowledged",
    ("unacknowledged", Event.SHELVE): "shelved",
    ("acknowledged", Event.ALARM): "acknowledged",
    ("acknowledged", Event.RISE): "unacknowledged",
    ("acknowledged", Event.RELAPSE): "unacknowledged",
    # Again, by a second person or with another comment: the latest word is kept.
    ("acknowledged", Event.ACKNOWLEDGE): "acknowledged",
    ("acknowledged", Event.RETURNED): "normal",
    ("acknowledged", Event.SHELVE): "shelved",
    ("returned_unacknowledged", Event.ALARM): "unacknowledged",
    ("returned_unacknowledged", Event.RISE): "unacknowledged",
    ("returned_unacknowledged", Event.ACKNOWLEDGE): "normal",
    # Nothing is left to silence, and who asks for silence has seen it.
    ("returned_unacknowledged", Event.SHELVE): "normal",
    ("shelved", Event.ALARM): "shelved",
    ("shelved", Event.RISE): "unacknowledged",
    ("shelved", Event.ACKNOWLEDGE): "acknowledged",
    # Whoever shelved it had seen it, so it does not latch; the next episode alarms.
    ("shelved", Event.RETURNED): "normal",
    ("shelved", Event.SHELVE): "shelved",
    ("shelved", Event.UNSHELVE): "unacknowledged",
}

SELF_CLEARING: dict[tuple[State, Event], State] = {
    ("unacknowledged", Event.RETURNED): "normal",
}

IGNORED: frozenset[tuple[State, Event]] = frozenset(
    [
        # Only what people believe to know of can relapse; the rest is an ALARM.
        ("normal", Event.RELAPSE),
        ("unacknowledged", Event.RELAPSE),
        ("returned_unacknowledged", Event.RELAPSE),
        ("shelved", Event.RELAPSE),
        ("normal", Event.ACKNOWLEDGE),
        ("normal", Event.RETURNED),
        ("normal", Event.SHELVE),
        ("normal", Event.UNSHELVE),
        ("unacknowledged", Event.UNSHELVE),
        ("acknowledged", Event.UNSHELVE),
        ("returned_unacknowledged", Event.RETURNED),
        ("returned_unacknowledged", Event.UNSHELVE),
        *product(UNREACHED, Event),
    ]
)


def after(state: State, event: Event, *, latching: bool) -> State:
    """Give the state that follows; an event that means nothing here changes nothing."""
    step = state, event
    if not latching and step in SELF_CLEARING:
        return SELF_CLEARING[step]
    return TABLE.get(step, state)

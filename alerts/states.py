"""The life of an alert, as a table: ANSI/ISA-18.2 (CLINICAL 5).

`TABLE` holds what moves, `SELF_CLEARING` what differs for alerts that do not latch,
`IGNORED` what changes nothing.  Every state and event is in exactly one of TABLE and
IGNORED, and a test keeps it so; `docs/alert-states.md` is drawn from them.
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
    EXPIRE = "expire"  # it was acknowledged, and goes on for too long
    SUPPRESS = "suppress"  # by design: another alert says the same, and why
    RELEASE = "release"  # that one is over, and this one is not
    REMOVE = "remove"  # its device is out of service: somebody works on it
    RESTORE = "restore"  # its device is in service again, and it is not over


STATES: tuple[State, ...] = get_args(State)
# Nobody is called in these two: there is nothing for a person to do about the alert.
MUTED: tuple[State, ...] = ("suppressed", "out_of_service")
AWAKE: tuple[State, ...] = tuple(state for state in STATES if state not in MUTED)

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
    ("acknowledged", Event.EXPIRE): "unacknowledged",
    # It may begin while it is muted.
    ("normal", Event.SUPPRESS): "suppressed",
    ("unacknowledged", Event.SUPPRESS): "suppressed",
    ("acknowledged", Event.SUPPRESS): "suppressed",
    ("shelved", Event.SUPPRESS): "suppressed",
    ("suppressed", Event.RETURNED): "normal",
    ("suppressed", Event.RELEASE): "unacknowledged",
    ("normal", Event.REMOVE): "out_of_service",
    ("unacknowledged", Event.REMOVE): "out_of_service",
    ("acknowledged", Event.REMOVE): "out_of_service",
    ("shelved", Event.REMOVE): "out_of_service",
    # What a person has said about a device counts for more than what we infer.
    ("suppressed", Event.REMOVE): "out_of_service",
    ("out_of_service", Event.SUPPRESS): "suppressed",  # in service, its gateway not
    ("out_of_service", Event.RETURNED): "normal",
    ("out_of_service", Event.RESTORE): "unacknowledged",
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
        # Only what was acknowledged expires, and only what is muted comes back.
        *((state, Event.EXPIRE) for state in STATES if state != "acknowledged"),
        *product(AWAKE, [Event.RELEASE, Event.RESTORE]),
        ("suppressed", Event.RESTORE),
        ("out_of_service", Event.RELEASE),
        # What is over and waits to be seen has been told already.
        ("returned_unacknowledged", Event.SUPPRESS),
        ("returned_unacknowledged", Event.REMOVE),
        # The cause is told elsewhere, or known: nothing about this one is to be done.
        *product(MUTED, [Event.ALARM, Event.RISE, Event.RELAPSE]),
        *product(MUTED, [Event.ACKNOWLEDGE, Event.SHELVE, Event.UNSHELVE]),
        ("suppressed", Event.SUPPRESS),
        ("out_of_service", Event.REMOVE),
    ]
)


def after(state: State, event: Event, *, latching: bool) -> State:
    """Give the state that follows; an event that means nothing here changes nothing."""
    step = state, event
    if not latching and step in SELF_CLEARING:
        return SELF_CLEARING[step]
    return TABLE.get(step, state)

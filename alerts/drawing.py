"""python -m alerts.drawing: draw `docs/alert-states.md`, the life of an alert.

The page is made from the table itself, so that it cannot say anything else.
"""

from collections import defaultdict
from collections.abc import Iterator

from alerts.states import IGNORED, SELF_CLEARING, STATES, TABLE, Event

HEAD = """\
# The life of an alert

Made by `python -m alerts.drawing > docs/alert-states.md` from `alerts/states.py`.
The states are ANSI/ISA-18.2's.  Alerts of low priority and technical ones do not latch:
they clear by themselves.
"""
MEANING = {
    Event.ALARM: "its anomaly begins or goes on",
    Event.RISE: "its priority rises, or its value is much worse than people know",
    Event.RELAPSE: "a new episode, after people have seen the one before",
    Event.ACKNOWLEDGE: "a person has seen it, or marks it as a false alarm",
    Event.RETURNED: "its anomaly is over; a value that is missing never says so",
    Event.SHELVE: "a person silences it (snooze), for a bounded time",
    Event.UNSHELVE: "that time is up",
    Event.EXPIRE: "it was acknowledged, and still goes on after too long a time",
    Event.SUPPRESS: "another alert has the same cause: its gateway is down",
    Event.RELEASE: "that other alert is over, and this one is not",
    Event.REMOVE: "a person takes its device out of service, until an end",
    Event.RESTORE: "the device is in service again, and the alert is not over",
}


def page() -> str:
    """Give the whole page."""
    parts = HEAD, "\n".join(_diagram()), "\n".join(_meanings()), "\n".join(_table())
    return "\n".join(f"{part}\n" if part != HEAD else part for part in parts)


def _diagram() -> Iterator[str]:
    """Give the states and what moves between them, in Mermaid's words."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    [*] --> normal"
    moves = defaultdict(list)
    for (state, event), then in TABLE.items():
        if state != then:
            moves[state, then].append(event.value)
    for (state, event), then in SELF_CLEARING.items():
        moves[state, then].append(f"{event.value} (does not latch)")
    for (state, then), events in moves.items():
        yield f"    {state} --> {then}: {', '.join(events)}"
    yield "```"


def _meanings() -> Iterator[str]:
    """Give what each event means."""
    yield "| event | when |"
    yield "|---|---|"
    for event in Event:
        yield f"| {event.value} | {MEANING[event]} |"


def _table() -> Iterator[str]:
    """Give the state after each event; a dash where it changes nothing."""
    yield f"| in | {' | '.join(event.value for event in Event)} |"
    yield f"|---|{'---|' * len(Event)}"
    for state in STATES:
        cells = ("-" if (state, e) in IGNORED else TABLE[state, e] for e in Event)
        yield f"| **{state}** | {' | '.join(cells)} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - a program's output

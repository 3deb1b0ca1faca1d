"""Whose readings are whose: what a gateway says of the wearables that people share."""

from typing import Literal

from msgspec import Struct, field

from vitals.model import Time


class Unassigned(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reading that waits for somebody to say whose it is."""

    device: str
    t: Time
    kind: str
    user: int | None = None  # the device's slot
    sure: bool = True  # False: `t` is when it arrived, its own time is not known


class Assigned(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a gateway's audit trail: who said when whose readings are whose."""

    t: Time  # when it was said
    by: str
    what: Literal["check_in", "assign", "slot", "reading"]
    device: str
    since: Time = field(name="from")
    until: Time | None = field(name="to", default=None)  # exclusive; None: open
    user: int | None = None
    old: str | None = None  # who had it before
    subject: str | None = None  # None: nobody
    why: str = ""


class Assignments(Struct, frozen=True, kw_only=True):
    """A gateway's retained word on who has what; the newest of each."""

    t: Time
    waiting: list[Unassigned]
    trail: list[Assigned]

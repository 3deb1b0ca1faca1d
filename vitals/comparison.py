"""What a change of limits would have meant: the answer to a `WhatIf`."""

from msgspec import Struct

from vitals.model import Instant


class Outcome(Struct, frozen=True):
    """The alerts that some limits give."""

    alerts: int
    per_day: float
    by_condition: dict[str, int]


class Comparison(Struct, frozen=True):
    """What a change of limits would have meant."""

    subject: str
    begin: Instant
    end: Instant
    records: int
    now: Outcome
    new: Outcome

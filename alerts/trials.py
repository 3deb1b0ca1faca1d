"""A message that tests one channel: sent once, by the engine, and seen how it went."""

import sqlite3
from typing import Protocol, runtime_checkable

from msgspec import Struct

from vitals.model import Instant

TEST = "test"  # why such a notice is told
ALERT = "channel-test"  # it is of no alert; one row for each channel, the latest
ADD = """
INSERT OR REPLACE INTO deliveries
    (alert, version, channel, recipient, why, body, created, due)
VALUES (?, 1, ?, '', ?, x'', ?, ?)
"""


class Trial(Struct, frozen=True):
    """Somebody's wish to test a channel."""

    channel: str
    by: str


@runtime_checkable
class Testable(Protocol):
    """A channel that can send a message that says that it is a test."""

    async def test(self) -> None:
        """Return once it is accepted.

        Raises
        ------
        Unavailable
            It was not; why, without a secret.
        """


def add(db: sqlite3.Connection, trial: Trial, now: Instant) -> None:
    """Let a channel be tested, inside a transaction."""
    db.execute(ADD, (ALERT, trial.channel, TEST, now, now))

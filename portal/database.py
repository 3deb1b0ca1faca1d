"""A small SQLite file of the portal: opened, brought up to date, one hand at a time.

A file knows by `user_version` which steps it has taken; an older one takes the rest.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vitals.errors import Unavailable


class Database:
    """One file that several objects of this process share."""

    def __init__(self, path: Path, steps: Sequence[str], what: str) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._db.execute("PRAGMA secure_delete=ON")
            self._upgrade(steps)
        except (OSError, sqlite3.Error) as error:
            reason = f"{path}: cannot keep {what} there: {error}"
            raise Unavailable(reason) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to nobody else meanwhile."""
        with self._lock:
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection; what is written is durable afterwards, or not at all."""
        with self._lock:
            if self._db.in_transaction:  # a step of a larger one
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _upgrade(self, steps: Sequence[str]) -> None:
        """Take the steps that this file has not taken."""
        with self.writing() as db:
            (done,) = db.execute("PRAGMA user_version").fetchone()
            if done > len(steps):
                raise sqlite3.DatabaseError("a newer version of vitals made it")
            for step in steps[done:]:
                for statement in _statements(step):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={len(steps)}")


def _statements(script: str) -> Iterator[str]:
    """Cut a script; `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

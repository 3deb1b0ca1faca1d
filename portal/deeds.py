"""What links in messages let people do, and which of it is done: `links.db`.

A link acts once.  It is noted before the decision is sent and again when that has
arrived: a crash in between lets the link be used again, for the same decision with the
same time, which the alert engine takes once.
"""

import sqlite3
import threading
from pathlib import Path

from vitals import links
from vitals.errors import Unavailable
from vitals.links import Deed
from vitals.model import Instant

KEEP_MS = 7 * 24 * 3_600_000  # after a link has expired

SCHEMA = """
CREATE TABLE IF NOT EXISTS deeds (
    alert TEXT NOT NULL, action TEXT NOT NULL, by TEXT NOT NULL, nonce TEXT NOT NULL,
    t INTEGER NOT NULL, until INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (alert, action, by, nonce)
) STRICT, WITHOUT ROWID;
"""
ROW = " WHERE alert=? AND action=? AND by=? AND nonce=?"


class Deeds:
    """The links of a data folder.  All methods block; they are called in a thread.

    Raises
    ------
    Unavailable
        The folder cannot be used.
    """

    def __init__(self, data: Path) -> None:
        self._lock = threading.Lock()
        path = data / "links.db"
        try:
            self._key = links.key(data)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(
                f"{path}: cannot keep used links there: {error}"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def read(self, token: str) -> Deed:
        """Give what a token allows, be it in time and unused or not.

        Raises
        ------
        MalformedData
            We have not signed it.
        """
        return links.read(self._key, token)

    def is_done(self, deed: Deed) -> bool:
        """Tell whether a link has been used."""
        with self._lock:
            query = f"SELECT 1 FROM deeds{ROW} AND done"
            return self._db.execute(query, _row(deed)).fetchone() is not None

    def begin(self, deed: Deed, now: Instant) -> Instant | None:
        """Note that a link is used; give when that was first, None if it is done."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM deeds WHERE until < ?", [now - KEEP_MS])
            self._db.execute(
                "INSERT OR IGNORE INTO deeds (alert, action, by, nonce, t, until)"
                " VALUES (?,?,?,?,?,?)",
                (*_row(deed), now, deed.until),
            )
            query = f"SELECT t, done FROM deeds{ROW}"
            t, done = self._db.execute(query, _row(deed)).fetchone()
        return None if done else Instant(t)

    def finish(self, deed: Deed) -> None:
        """Note that the decision has arrived."""
        with self._lock, self._db:
            self._db.execute(f"UPDATE deeds SET done=1{ROW}", _row(deed))


def _row(deed: Deed) -> tuple[str, str, str, str]:
    """Give the key of a deed's row."""
    return deed.alert, deed.action, deed.by, deed.nonce

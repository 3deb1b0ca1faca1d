"""Patients' names: the map from pseudonym to name, in a store of its own: `names.db`.

Nothing but the portal reads it.  What flows on the bus, lies in the store and leaves by
a message carries the pseudonym alone.
"""

import secrets
from collections.abc import Container
from pathlib import Path

from portal.database import Database
from vitals.errors import ConfigError

LONGEST = 100
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none looks like another
SCHEMA = """
CREATE TABLE names (subject TEXT PRIMARY KEY, name TEXT NOT NULL)
    STRICT, WITHOUT ROWID;
"""


class Names:
    """Who is behind a pseudonym; a look-up takes microseconds, so it may block."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, (SCHEMA,), "the names")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def of(self, subject: str) -> str:
        """Give a patient's name; "" when none is known."""
        query = "SELECT name FROM names WHERE subject=?"
        with self._database.reading() as db:
            row = db.execute(query, [subject]).fetchone()
        return row[0] if row else ""

    def all(self) -> dict[str, str]:
        """Give every name by pseudonym."""
        with self._database.reading() as db:
            return dict(db.execute("SELECT subject, name FROM names ORDER BY name"))

    def erase(self, subject: str) -> None:
        """Forget a patient's name."""
        with self._database.writing() as db:
            db.execute("DELETE FROM names WHERE subject=?", [subject])

    def give(self, subject: str, name: str) -> None:
        """Name a patient, or name them anew."""
        clean = checked(name)
        query = "INSERT OR REPLACE INTO names VALUES (?,?)"
        with self._database.writing() as db:
            db.execute(query, (subject, clean))


def checked(name: str) -> str:
    """Give a name as it is kept.

    Raises
    ------
    ConfigError
        It is empty, too long, or has characters that cannot be seen.
    """
    clean = " ".join(name.split())
    if not clean or len(clean) > LONGEST or not clean.isprintable():
        raise ConfigError(f"a patient's name has 1 to {LONGEST} visible characters")
    return clean


def pseudonym(taken: Container[str]) -> str:
    """Give a fresh pseudonym; it says nothing about the patient."""
    while True:
        made = "p-" + "".join(secrets.choice(LETTERS) for _ in range(8))
        if made not in taken:
            return made

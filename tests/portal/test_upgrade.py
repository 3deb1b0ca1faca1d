"""A `people.db` of the version before is brought up to date and loses nothing."""

import hashlib
import sqlite3

import pytest

from portal import passwords
from portal.people import FIRST, People
from vitals.errors import Unavailable

NOW = 1_795_300_000_000
WORD = "correct horse battery"


@pytest.fixture
def old(tmp_path):
    """The file as version 0.1.0 left it."""
    db = sqlite3.connect(tmp_path / "people.db")
    db.executescript(FIRST)
    digest = passwords.hashed(WORD)
    with db:
        db.executemany(
            "INSERT INTO users VALUES (?,?,?)",
            [("wang", digest, "patient"), ("dr.chen", digest, "clinician")],
        )
        db.executemany(
            "INSERT INTO assignments VALUES (?,?)",
            [("wang", "p-1"), ("dr.chen", "p-1"), ("dr.chen", "p-2")],
        )
        token = hashlib.sha256(b"an old token").digest()
        db.execute("INSERT INTO tokens VALUES (?,?,?)", (token, "wang", NOW + 1000))
        db.execute(
            "INSERT INTO plans (subject, who, t, old, new, why) VALUES (?,?,?,?,?,?)",
            ("p-1", "dr.chen", 5, "{}", '{"by":"dr.chen","t":5}', "because"),
        )
    db.close()
    return tmp_path / "people.db"


def test_everybody_and_everything_is_still_there(old):
    for _ in range(2):  # the second start changes nothing
        people = People(old, lambda: NOW)
        assert [(p.name, p.role) for p in people.list()] == [
            ("dr.chen", "clinician"),
            ("wang", "patient"),
        ]
        assert people.authenticate("dr.chen", WORD).subjects == {"p-1", "p-2"}
        assert people.person_of("an old token").name == "wang"
        assert [c.why for c in people.changes("p-1")] == ["because"]
        assert people.carers(["p-1"]) == {"p-1": ["dr.chen"]}
        people.close()


def test_a_file_of_a_later_version_is_left_alone(old):
    db = sqlite3.connect(old)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(Unavailable, match="newer version"):
        People(old)

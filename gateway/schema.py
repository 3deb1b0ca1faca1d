"""The tables of the outbox's file, and how those of an older format become them.

The readings of a wearable that many share lie in `held` from their arrival on; what
they are given to (`given`), and back from (`withdrawal`), is only ever added, with ids
that rise over all tables: so a transaction that failed half-way can be taken back by
its ids.
"""

import sqlite3

FORMAT = 3  # PRAGMA user_version
_FIRST = """
CREATE TABLE stream(
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, topic TEXT NOT NULL,
    characteristic TEXT NOT NULL, UNIQUE(topic, characteristic));
CREATE TABLE record(
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    payload BLOB NOT NULL, raw BLOB NOT NULL);
CREATE TABLE heard(
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL, characteristic TEXT NOT NULL, raw BLOB NOT NULL,
    UNIQUE(device, characteristic, raw));
CREATE TABLE sequence(device TEXT PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE dropped(device TEXT PRIMARY KEY, ranges BLOB NOT NULL);
CREATE TABLE mark(
    one INTEGER PRIMARY KEY, upto INTEGER NOT NULL,
    waiting INTEGER NOT NULL, gone INTEGER NOT NULL);
"""
# The payload has the device's stamp and the wall's time of arrival.  NULL: format 2.
_THIRD = """
ALTER TABLE record ADD COLUMN heard INTEGER;  -- monotonic ms of arrival,
ALTER TABLE record ADD COLUMN boot INTEGER;   -- which counts from this boot
CREATE TABLE boot(id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE held(
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, characteristic TEXT NOT NULL,
    kind TEXT NOT NULL,
    slot INTEGER,                             -- the device's user slot
    t INTEGER NOT NULL, sure INTEGER NOT NULL,
    received INTEGER NOT NULL, payload BLOB NOT NULL, raw BLOB NOT NULL,
    heard INTEGER, boot INTEGER);
CREATE INDEX held_by_time ON held(device, t);
CREATE TABLE given(                           -- the newest of a reading counts
    id INTEGER PRIMARY KEY,                   -- its record's
    held INTEGER NOT NULL,
    subject TEXT, seq INTEGER);               -- NULL: nobody knows any more
CREATE INDEX given_by_held ON given(held);
CREATE TABLE withdrawal(id INTEGER PRIMARY KEY, given INTEGER NOT NULL);
CREATE TABLE assignment(                      -- and the audit trail
    id INTEGER PRIMARY KEY, made INTEGER NOT NULL, who TEXT NOT NULL,
    what TEXT NOT NULL, device TEXT NOT NULL,
    slot INTEGER,                             -- NULL: whatever the slot
    since INTEGER NOT NULL, until INTEGER NOT NULL,
    old TEXT, subject TEXT,                   -- NULL: nobody
    why TEXT NOT NULL, command TEXT NOT NULL);
CREATE INDEX assignment_by_end ON assignment(device, until);
CREATE INDEX assignment_by_command ON assignment(command) WHERE command <> '';
CREATE TRIGGER assignment_stays_as_it_is BEFORE UPDATE ON assignment
BEGIN SELECT raise(ABORT, 'the audit trail is only added to'); END;
CREATE TRIGGER assignment_stays BEFORE DELETE ON assignment
WHEN old.id <= (SELECT upto FROM mark)
BEGIN SELECT raise(ABORT, 'the audit trail is only added to'); END;
"""
# One word moves thousands of readings: each has a line, which gives nothing itself.
_WORDS = """
CREATE INDEX IF NOT EXISTS assignment_by_word ON assignment(device, until)
WHERE what <> 'reading'"""
SHARED = "held", "given", "withdrawal", "assignment"  # whose ids are those of records
READINGS = """(
    SELECT held.*, given.id AS given, subject, seq FROM held LEFT JOIN given
    ON given.id = (SELECT max(id) FROM given WHERE given.held = held.id))"""


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables, or bring an older format up to date, whole or not at all.

    Raises
    ------
    sqlite3.DatabaseError
        The file is not ours, or a newer program's.
    """
    [(found,)] = db.execute("PRAGMA user_version")
    if found == FORMAT:
        _index(db)
        return
    if found > FORMAT:
        raise sqlite3.DatabaseError(
            f"a newer version of vitals made it (format {found}, this one knows"
            f" {FORMAT}); install that version, or move the file away"
        )
    made = db.execute("SELECT * FROM sqlite_master").fetchone()
    if found == 1 or (made and not found):
        raise sqlite3.DatabaseError("another version made it; move it away")
    steps = _THIRD if found else _FIRST + _THIRD
    try:
        steps += f"{_WORDS};PRAGMA user_version={FORMAT}"
        db.executescript(f"BEGIN IMMEDIATE;{steps};COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _index(db: sqlite3.Connection) -> None:
    """Make the index that older programs did not; a full disk goes without it."""
    try:
        db.execute(_WORDS)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise

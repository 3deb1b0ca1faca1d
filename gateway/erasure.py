"""What a gateway's file has of one person: it is the gateway's to empty."""

import sqlite3
from contextlib import closing
from pathlib import Path

from vitals import Unavailable

TOPIC = "topic GLOB '*/' || :subject || '/*'"
COUNTS = {
    "records that ingest has not committed": "SELECT count(*) FROM record"
    f" JOIN stream ON stream.id = record.stream WHERE {TOPIC}",
    "readings of shared wearables, kept for gateway.correct_days":
    "SELECT count(DISTINCT held) FROM given WHERE subject = :subject",
    "lines of the trail of assignments":
    "SELECT count(*) FROM assignment WHERE :subject IN (subject, old)",
}  # fmt: skip


def kept(path: Path, subject: str) -> dict[str, int]:
    """Count what is there, by what it is.

    Raises
    ------
    Unavailable
        The file is an older version's, or damaged.
    """
    if not path.is_file():
        return dict.fromkeys(COUNTS, 0)
    try:
        with closing(sqlite3.connect(path, timeout=30)) as db:
            rows = {k: db.execute(q, {"subject": subject}) for k, q in COUNTS.items()}
            return {what: int(row.fetchone()[0]) for what, row in rows.items()}
    except sqlite3.Error as error:
        raise Unavailable(f"{path}: {error}") from error

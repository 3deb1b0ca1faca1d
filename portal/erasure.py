"""Takes one patient out of `people.db`: their logins, who may see them, their plans.

Plans are logged for ever, and the file refuses to delete any; here, and nowhere else,
it is asked to.  The audit log is another file, and stays.
"""

from collections.abc import Sequence

from portal.database import Database

PATIENTS = """
    SELECT name FROM users JOIN assignments USING (name)
    WHERE role = 'patient' AND subject = :subject"""
FAMILY = """
    SELECT name FROM users WHERE role = 'family'
    AND name IN (SELECT holder FROM grants WHERE subject = :subject)
    AND name NOT IN (SELECT holder FROM grants
        WHERE subject != :subject AND holder IS NOT NULL)"""
LOGINS = f"{PATIENTS} UNION {FAMILY} ORDER BY name"
"""Who may log in for this patient only."""

CARERS = "FROM assignments WHERE subject = :subject"
GRANTS = "FROM grants WHERE subject = :subject"
PLANS = "FROM plans WHERE subject = :subject"
STATEMENTS = (
    f"DELETE FROM links WHERE purpose = 'invitation' AND about IN (SELECT id {GRANTS})",
    f"DELETE FROM links WHERE purpose = 'password' AND about IN ({LOGINS})",
    # Sessions, tokens and what an account cares for go with it.
    f"DELETE FROM users WHERE name IN ({LOGINS})",
    f"DELETE {GRANTS}",
    f"DELETE {CARERS}",
    "DROP TRIGGER plans_remain",
    f"DELETE {PLANS}",
    "CREATE TRIGGER plans_remain BEFORE DELETE ON plans"
    " BEGIN SELECT raise(ABORT, 'the log of limits is kept for ever'); END",
)


def logins(database: Database, subject: str) -> Sequence[str]:
    """Give who may log in for this patient only."""
    with database.reading() as db:
        return [name for (name,) in db.execute(LOGINS, {"subject": subject})]


def counts(database: Database, subject: str) -> dict[str, int]:
    """Give how much goes, by what it is."""
    queries = {
        "logins": f"SELECT count(*) FROM ({LOGINS})",
        "people who care for them": f"SELECT count(*) {CARERS}"
        f" AND name NOT IN ({LOGINS})",
        "grants": f"SELECT count(*) {GRANTS}",
        "plans": f"SELECT count(*) {PLANS}",
    }
    whose = {"subject": subject}
    with database.reading() as db:
        found = {k: db.execute(q, whose).fetchone() for k, q in queries.items()}
    return {what: int(count) for what, (count,) in found.items()}


def erase(database: Database, subject: str) -> None:
    """Do it, all or nothing."""
    with database.writing() as db:
        for statement in STATEMENTS:
            named = {"subject": subject} if ":subject" in statement else {}
            db.execute(statement, named)

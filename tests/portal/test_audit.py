"""The audit log: every change to the file is found."""

import sqlite3

import pytest

from portal.audit import AGAIN_MS, Audit, Entry, Repeats

LINES = 40


def entry(n, deed="read"):
    return Entry(1000 + n, f"dr.{n % 3}", "doctor", deed, f"p-{n % 5}", f"GET /{n}")


@pytest.fixture
def audit(tmp_path):
    found = Audit(tmp_path / "audit.db")
    for n in range(LINES):
        found.append(entry(n))
    yield found
    found.close()


def tampered(audit, tmp_path, *statements):
    """Change the file as somebody would who has it: triggers do not stop them."""
    audit.close()
    db = sqlite3.connect(tmp_path / "audit.db")
    with db:
        db.execute("DROP TRIGGER log_stays")
        db.execute("DROP TRIGGER log_remains")
        for statement in statements:
            db.execute(statement)
    db.close()
    return Audit(tmp_path / "audit.db")


def test_a_log_that_nobody_touched_is_whole(audit):
    assert audit.broken() is None
    head = audit.head()
    assert head.lines == LINES
    audit.append(entry(LINES), entry(LINES + 1))
    assert audit.broken(head) is None


@pytest.mark.parametrize("field", ["t", "who", "role", "deed", "subject", "what"])
@pytest.mark.parametrize("line", [1, 17, LINES])
def test_d8_a_line_that_was_changed_is_found(audit, tmp_path, field, line):
    value = "1" if field == "t" else "'x'"
    change = f"UPDATE log SET {field} = {value} WHERE id = {line}"
    other = tampered(audit, tmp_path, change)
    assert other.broken() == line
    other.close()


@pytest.mark.parametrize(
    ("deed", "line"),
    [
        (["DELETE FROM log WHERE id = 17"], 17),
        (["DELETE FROM log WHERE id = 17", "UPDATE log SET id=id-1 WHERE id>17"], 17),
        (["UPDATE log SET id=-1 WHERE id=3", "UPDATE log SET id=3 WHERE id=4",
          "UPDATE log SET id=4 WHERE id=-1"], 3),
        (["INSERT INTO log SELECT 41,t,who,role,deed,subject,what,hash"
          " FROM log WHERE id=40"], 41),
    ],
    ids=["taken out", "taken out and closed up", "swapped", "made up"],
)  # fmt: skip
def test_lines_taken_out_swapped_or_made_up_are_found(audit, tmp_path, deed, line):
    other = tampered(audit, tmp_path, *deed)
    assert other.broken() == line
    other.close()


def test_an_end_that_is_missing_is_found_by_the_head_kept_elsewhere(audit, tmp_path):
    head = audit.head()
    other = tampered(audit, tmp_path, "DELETE FROM log WHERE id > 30")
    assert other.broken() is None  # the chain alone cannot tell
    assert other.broken(head) == 31
    other.close()


def test_the_file_itself_refuses_changes(audit, tmp_path):
    other = sqlite3.connect(tmp_path / "audit.db")
    for statement in ("DELETE FROM log", "UPDATE log SET who = ''"):
        with pytest.raises(sqlite3.IntegrityError, match="kept for ever"):
            other.execute(statement)
    other.close()


def test_pages_of_the_log_miss_nothing(audit):
    seen, before = [], None
    while page := audit.entries(None, before, 7):
        seen += [number for number, _ in page]
        before = page[-1][0]
    assert seen == list(range(LINES, 0, -1))
    assert all(e.subject == "p-2" for _, e in audit.entries("p-2"))


def test_looking_again_is_one_look_for_a_while_and_a_change_always_counts():
    repeats = Repeats()
    look = entry(1)
    change = Entry(1, "dr.1", "doctor", "act", "p-1", "POST /1")
    assert repeats.fresh([look, change], 0) == [look, change]
    assert repeats.fresh([look, change], AGAIN_MS) == [change]
    assert repeats.fresh([look], AGAIN_MS + 1) == [look]

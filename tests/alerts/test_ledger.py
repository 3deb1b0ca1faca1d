import sqlite3

import pytest
from msgspec.structs import replace

from alerts import ledger
from alerts.database import Database
from alerts.post import Post
from alerts.register import Register
from vitals.cli.doctor import machine
from vitals.config import Alerts
from vitals.staff import Person, Shift

NOW = 1_700_000_000_000
ANNA = Alerts(people=(Person(name="anna"),))


@pytest.fixture
def register(database):
    return Register(database, Post({}))


def entry(n=0):
    return ledger.Entry(
        t=NOW + n, by="anna", what="out_of_service", about=f"p-7/strap-{n}",
        new=str(NOW + 99 + n), why="battery",
    )  # fmt: skip


def test_c11_what_the_configuration_says_anew_is_kept_with_what_it_said_before(
    register,
):
    for settings in (ANNA, ANNA, Alerts()):
        register.follow(settings, NOW)
    people = [e for e in register.ledger() if e.about == "alerts.people"]
    assert [(len(e.old) > 2, len(e.new) > 2) for e in people] == [
        (False, True), (True, False)
    ]  # fmt: skip
    shift = Shift(person="anna", begin=0, end=60)
    register.follow(replace(ANNA, shifts=(shift,)), NOW + 1)
    last = [e for e in register.ledger() if e.t == NOW + 1]
    assert {e.about for e in last} == {"alerts.people", "alerts.shifts"}


def test_what_holds_at_present_is_what_the_rows_say(register):
    register.commit([entry(1), entry(2)], NOW)
    back = ledger.Entry(t=NOW, by="ben", what="in_service", about="p-7/strap-1")
    register.commit([back], NOW)
    assert ledger.out_of_service(register.ledger()) == {("p-7", "strap-2"): NOW + 101}


def test_the_ledger_can_neither_be_changed_nor_deleted_from(register, database):
    register.commit([entry()], NOW)
    for attempt in ("UPDATE ledger SET by = 'me'", "DELETE FROM ledger"):
        with pytest.raises(sqlite3.IntegrityError), database.transaction() as db:
            db.execute(attempt)


FORGERIES = {
    "changed": "UPDATE ledger SET by = 'me' WHERE n = 2",
    "removed": "DELETE FROM ledger WHERE n = 2",
    "moved": "UPDATE ledger SET n = 9 WHERE n = 2",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_c11_who_forges_a_row_with_the_file_in_hand_is_found_out(
    register, tmp_path, forgery
):
    register.commit([entry(n) for n in range(4)], NOW)
    assert ledger.verify(tmp_path) == ""
    with sqlite3.connect(tmp_path / "alerts.db") as db:
        db.execute("DROP TRIGGER ledger_stays")
        db.execute("DROP TRIGGER ledger_remains")
        db.execute(FORGERIES[forgery])
    db.close()
    assert "row 2" in ledger.verify(tmp_path)


def test_a_new_file_and_one_older_than_the_ledger_have_nothing_wrong(tmp_path):
    Database(tmp_path).close()
    assert ledger.verify(tmp_path) == ""
    with sqlite3.connect(tmp_path / "alerts.db") as db:
        db.execute("DROP TABLE ledger")
    db.close()
    assert ledger.verify(tmp_path) == ""


def test_the_doctor_names_a_forged_ledger(register, tmp_path):
    register.commit([entry(n) for n in range(3)], NOW)
    assert list(machine.ledger(tmp_path)) == []
    with sqlite3.connect(tmp_path / "alerts.db") as db:
        db.execute("DROP TRIGGER ledger_stays")
        db.execute("UPDATE ledger SET by = 'me' WHERE n = 3")
    db.close()
    [found] = machine.ledger(tmp_path)
    assert (found.level, "row 3" in found.text) == ("PROBLEM", True)

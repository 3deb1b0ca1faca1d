import sqlite3

import pytest
from msgspec.structs import replace

from alerts import ledger, service
from alerts.database import Database
from alerts.post import Post
from alerts.register import Register
from vitals import wire
from vitals.bus import MemoryBus
from vitals.cli.doctor import machine
from vitals.config import Alerts
from vitals.metrics import Metrics
from vitals.model import Alert, StageStatus
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


# -- cut off at the end --------------------------------------------------------------


def relieved(n):
    return ledger.Entry(t=NOW + n, by="anna", what="relieve", about="anna", why=str(n))


def cut_off(database, rows):
    """Take rows off the end with the file in hand."""
    with database.transaction() as db:
        db.execute("DROP TRIGGER ledger_remains")
        last = "SELECT n FROM ledger ORDER BY n DESC LIMIT ?"
        db.execute(f"DELETE FROM ledger WHERE n IN ({last})", (rows,))


@pytest.mark.parametrize("rows", [1, 3])
def test_rows_taken_off_the_end_are_missed_by_a_head_that_was_noted(
    register, database, tmp_path, rows
):
    register.commit([relieved(n) for n in range(4)], NOW)
    noted = register.head()
    assert not register.lacks(noted)
    register.commit([relieved(9)], NOW)
    assert not register.lacks(noted)  # it has grown
    cut_off(database, 1 + rows)
    assert register.lacks(noted)
    assert ledger.verify(tmp_path) == ""  # negative control: the chain alone is whole


def test_an_empty_ledger_has_no_head(register):
    assert register.head() == ""


def test_a_start_finds_that_the_broker_knows_of_rows_that_are_gone(
    tmp_path, clock, run, beside, until, caplog
):
    bus, topic = MemoryBus(), wire.stage_topic("alerts")
    heard = bus.subscribe(wire.ALERTS)
    database = Database(tmp_path)

    def cuts():
        return [entry.what for entry in ledger.entries(database)].count("cut")

    async def life(found):
        async with beside(service.run(bus, ANNA, tmp_path, Metrics(), clock)):
            await until(lambda: found(_word(bus, topic)))

    async def main():
        await life(lambda word: word and word.head)
        assert len(heard) == 0
        cut_off(database, 2)
        clock.now += 60_000
        await life(lambda word: len(heard) > 0 and cuts())  # its alert comes first
        clock.now += 60_000
        await life(lambda word: word.t == clock.now)

    run(main())
    alerts = [wire.read(Alert, one.message.payload) for one in heard._waiting]
    assert {alert.condition for alert in alerts} == {"ledger_cut"}
    assert cuts() == 1
    database.close()
    assert "rows are gone" in caplog.text


def _word(bus, topic):
    found = bus._retained.get(topic)
    return found and wire.read(StageStatus, found.payload)

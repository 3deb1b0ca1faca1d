"""Readings of wearables that many share: they wait, are given, and change hands."""

import pathlib
import sqlite3
import tempfile
from contextlib import closing

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway import boot, schema
from gateway.assignment import Occasion
from gateway.outbox import Keep, Notification, Outbox
from tests.gateway.values import NOON, assign, beat, cuff, measured, told
from vitals import HeartRate, Reading, Unavailable, wire
from vitals.config import Wearable
from vitals.gatt import heart_rate
from vitals.model import CheckIn
from vitals.wire import Message

MINUTE = 60_000
ADDRESS = "C0:00:00:00:00:01"


def streamed(t=NOON):
    """A value of a shared strap."""
    record = HeartRate(t=t, received=t, hr=72)
    return Notification(Reading("", "cuff", record), heart_rate.MEASUREMENT, b"\0\x48")


def by_slots(**users):
    slots = {int(slot[1:]): subject for slot, subject in users.items()}
    return [Wearable(device="cuff", address=ADDRESS, users=slots)]


def check_in(subject="p-1", t=NOON, minutes=10, **words):
    return CheckIn(
        device="cuff", subject=subject, by="nurse", t=t, minutes=minutes, **words
    )


def pending(outbox):
    return told(outbox.pending(0, 10_000))


@pytest.fixture
def opened(tmp_path):
    boxes = []

    def make(**bounds):
        path = tmp_path / "gateway.db"
        keep = Keep(**{"reserve": 0, **bounds})
        boxes.append(Outbox(path, "gw-1", keep, "OFF", boot="b" * 32))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


@pytest.fixture
def outbox(opened):
    return opened()


def test_a14_the_user_slot_decides_whose_it_is_and_numbers_are_the_devices(outbox):
    outbox.configure(by_slots(s1="p-1", s2="p-2"), NOON)
    rows = outbox.add([measured(NOON + n, user=n % 2 + 1) for n in range(4)])
    assert told(rows) == [("p-1", 0, 1), ("p-2", 1, 2), ("p-1", 2, 3), ("p-2", 3, 4)]


def test_a14_what_nobody_said_waits_over_a_restart_and_gets_its_number_when_given(
    outbox, opened
):
    assert outbox.add([measured(), measured(NOON + 1, user=255)]) == []
    assert outbox.held_back == 2
    assert outbox.unassigned == {"cuff": 2}
    outbox.close()
    outbox = opened()
    assert pending(outbox) == []
    assert outbox.unassigned == {"cuff": 2}
    assert told(outbox.check_in(check_in(t=NOON - MINUTE), NOON + 5)) == [
        ("p-1", 0, 1), ("p-1", 1, 2),
    ]  # fmt: skip
    assert outbox.unassigned == {"cuff": 0}
    assert outbox.add([measured()]) == []  # it was heard already
    assert pending(outbox) == [("p-1", 0, 1), ("p-1", 1, 2)]


def test_a14_the_time_of_measurement_decides_and_not_that_of_arrival(outbox):
    outbox.check_in(check_in("p-1", NOON), NOON)
    outbox.check_in(check_in("p-2", NOON + 3 * MINUTE), NOON + 3 * MINUTE)
    late = NOON + 60 * MINUTE
    readings = [NOON + MINUTE, NOON + 4 * MINUTE, NOON - 1, NOON + 14 * MINUTE]
    rows = outbox.add([measured(t, received=late) for t in readings])
    assert told(rows) == [("p-1", MINUTE, 1), ("p-2", 4 * MINUTE, 2)]
    assert [one.t for one in outbox.assignments(late, 9).waiting] == [
        NOON + 14 * MINUTE,
        NOON - 1,
    ]


def test_a14_a_check_in_that_the_broker_held_back_counts_from_when_it_was_said(outbox):
    outbox.check_in(check_in("p-1", NOON, 30), NOON)
    outbox.add([measured(NOON + 6 * MINUTE)])
    rows = outbox.check_in(check_in("p-2", NOON + 5 * MINUTE), NOON + 20 * MINUTE)
    assert told(rows) == [("p-2", 6 * MINUTE, 2)]
    assert [r.subject for r in outbox.withdrawals()] == ["p-1"]


def test_a14_what_a_check_in_took_that_the_next_person_had_ended_waits_again(outbox):
    outbox.check_in(check_in("p-1", NOON, 30), NOON)
    outbox.add([measured(NOON + 20 * MINUTE)])
    heard = NOON + 25 * MINUTE
    assert outbox.check_in(check_in("p-2", NOON + 5 * MINUTE), heard) == []
    assert outbox.unassigned == {"cuff": 1}
    assert [r.subject for r in outbox.withdrawals()] == ["p-1"]


def test_a14_a_reading_whose_time_is_not_known_waits_for_a_hand(outbox):
    outbox.check_in(check_in(), NOON)
    lost = measured(NOON + MINUTE, q=("clock_unsynced",))
    assert outbox.add([lost]) == []
    assert not outbox.assignments(NOON, 9).waiting[0].sure
    moved = outbox.assign(assign("p-3", NOON, NOON + MINUTE), NOON)
    assert told(moved) == [("p-3", MINUTE, 1)]
    assert outbox.check_in(check_in("p-2", NOON, 60), NOON + 2) == []


def test_a14_a_correction_gives_a_new_number_and_withdraws_the_old_record(outbox):
    outbox.configure(by_slots(s1="p-1", s2="p-2"), NOON)
    rows = outbox.add([measured(user=1), measured(NOON + 1, user=2)])
    outbox.release([rows[0].id])  # committed already
    assert told(outbox.assign(assign("p-2"), NOON + 9)) == [("p-2", 0, 3)]
    [wrong] = outbox.withdrawals()
    assert (wrong.subject, wrong.device, wrong.record.seq) == ("p-1", "cuff", 1)
    assert wrong.record.gateway == "gw-1"
    assert pending(outbox) == [("p-2", 1, 2), ("p-2", 0, 3)]
    assert outbox.withdrawn({"cuff": [(1, 1)], "other": [(1, 9)]}) == 1
    assert outbox.withdrawals() == []
    assert outbox.withdrawn({"cuff": [(1, 1)]}) == 0


def test_a14_what_was_not_published_yet_goes_to_the_right_person_only(outbox):
    outbox.configure(by_slots(s1="p-1"), NOON)
    outbox.add([measured(user=1)])
    outbox.assign(assign("p-2"), NOON + 9)
    assert pending(outbox) == [("p-2", 0, 2)]
    assert outbox.count() == 2
    outbox.withdrawn({"cuff": [(1, 1)]})
    assert outbox.count() == 1


def test_a14_a_reading_can_be_taken_back_to_nobody_and_given_again(outbox):
    outbox.configure(by_slots(s1="p-1"), NOON)
    outbox.add([measured(user=1)])
    assert outbox.assign(assign(None), NOON + 1) == []
    assert outbox.unassigned == {"cuff": 1}
    assert told(outbox.assign(assign("p-1"), NOON + 2)) == [("p-1", 0, 2)]
    assert [r.record.seq for r in outbox.withdrawals()] == [1]


def test_a14_a_correction_holds_against_what_the_configuration_says_later(outbox):
    outbox.configure(by_slots(s1="p-1"), NOON)
    outbox.assign(assign("p-2", NOON, NOON + 10), NOON + 1)
    assert told(outbox.add([measured(NOON + 5, user=1)])) == [("p-2", 5, 1)]
    assert outbox.configure(by_slots(s1="p-3"), NOON + 20) == []
    assert told(outbox.add([measured(NOON + 6, user=1)])) == [("p-2", 6, 2)]
    assert told(outbox.add([measured(NOON + 15, user=1)])) == [("p-1", 15, 3)]
    assert told(outbox.add([measured(NOON + 20, user=1)])) == [("p-3", 20, 4)]


def test_a14_a_slot_changes_hands_after_what_was_measured_though_our_clock_is_slow(
    outbox,
):
    outbox.configure(by_slots(s1="p-1"), NOON)
    outbox.add([measured(NOON + 10, user=1)])
    slow = NOON - 60 * MINUTE  # at boot, before the network tells the time
    assert outbox.configure(by_slots(s1="p-2"), slow) == []
    assert outbox.withdrawals() == []
    assert told(outbox.add([measured(NOON + 20, user=1)])) == [("p-2", 20, 2)]


def test_a14_a_slot_that_two_had_is_nobodys_without_a_time_though_our_clock_is_slow(
    outbox,
):
    outbox.configure(by_slots(s1="p-1"), NOON)
    outbox.configure(by_slots(s1="p-3"), NOON + 100)
    lost = measured(NOON + 5, user=1, q=("clock_unsynced",))
    assert told(outbox.add([measured(NOON + 4, user=1)])) == [("p-1", 4, 1)]  # control
    assert outbox.add([lost]) == []
    assert outbox.unassigned == {"cuff": 1}


def test_a14_a_reading_without_a_time_stays_where_a_hand_put_it(outbox):
    lost = measured(NOON, user=3, q=("clock_unsynced",))
    outbox.add([lost, measured(NOON + 1, user=3)])
    assert told(outbox.assign(assign("p-2"), NOON + 2)) == [("p-2", 0, 1)]
    rows = outbox.configure(by_slots(s3="p-3"), NOON + 3)
    assert told(rows) == [("p-3", 1, 2)]  # control: the other one waited
    assert outbox.withdrawals() == []


def test_a14_a_slot_that_the_configuration_forgot_finds_its_readings(outbox):
    outbox.configure(by_slots(s1="p-1"), NOON)
    assert outbox.add([measured(NOON - 1, user=3)]) == []
    rows = outbox.configure(by_slots(s1="p-1", s3="p-3"), NOON + 1)
    assert told(rows) == [("p-3", -1, 1)]
    assert outbox.configure(by_slots(s1="p-1", s3="p-3"), NOON + 2) == []
    assert len(outbox.assignments(NOON, 99).trail) == 3


def test_a14_the_audit_trail_says_who_when_old_new_and_why_and_only_grows(
    outbox, opened
):
    outbox.check_in(check_in(why="ward 3"), NOON)
    outbox.add([measured(NOON + 1)])
    outbox.assign(assign("p-2", NOON, NOON + 5), NOON + 9)
    outbox.close()
    outbox = opened()
    reading, corrected, first = outbox.assignments(NOON, 99).trail
    assert (first.what, first.by, first.t, first.why) == (
        *("check_in", "nurse", NOON, "ward 3"),
    )
    assert (first.old, first.subject) == (None, "p-1")
    assert (first.since, first.until) == (NOON, NOON + 10 * MINUTE)
    assert (corrected.what, corrected.by, corrected.t) == ("assign", "dr", NOON + 9)
    assert (corrected.subject, corrected.why) == ("p-2", "mix-up")
    assert (reading.what, reading.since) == ("reading", NOON + 1)
    assert (reading.old, reading.subject, reading.by) == ("p-1", "p-2", "dr")
    for vandal in ("DELETE FROM assignment", "UPDATE assignment SET why = ''"):
        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            outbox._file.execute(vandal)
    assert len(outbox.assignments(NOON, 99).trail) == 3


def test_a14_the_same_command_again_changes_nothing(outbox):
    assert outbox.check_in(check_in(id="a"), NOON) == []
    outbox.add([measured(NOON + 1)])
    assert outbox.check_in(check_in("p-2", id="a"), NOON) is None
    assert len(outbox.assign(assign("p-2", NOON, NOON + 5, id="b"), NOON)) == 1
    assert outbox.assign(assign("p-2", NOON, NOON + 5, id="b"), NOON) is None
    assert len(outbox.withdrawals()) == 1


def test_a14_after_a_backup_was_restored_a_withdrawal_names_the_new_number(outbox):
    outbox.configure(by_slots(s1="p-1"), NOON)
    outbox.add([measured(user=1)])
    outbox.reconcile({"cuff": 50}, renumber=True)
    outbox.assign(assign("p-2"), NOON)
    assert [r.record.seq for r in outbox.withdrawals()] == [51]
    assert pending(outbox) == [("p-2", 0, 52)]


# -- the disk --------------------------------------------------------------------------


def test_copies_that_have_served_go_and_what_waits_stays(opened):
    outbox = opened(correct_ms=MINUTE)
    outbox.configure(by_slots(s1="p-1"), NOON)
    outbox.add([measured(user=1), measured(NOON + 1)])
    outbox.configure(by_slots(s1="p-1"), NOON + MINUTE)
    assert told(outbox.assign(assign("p-2"), NOON + MINUTE)) == [("p-2", 0, 2)]
    outbox.configure(by_slots(s1="p-1"), NOON + 3 * MINUTE)  # to be withdrawn: it stays
    assert len(outbox.withdrawals()) == 1
    outbox.withdrawn({"cuff": [(1, 1)]})
    outbox.configure(by_slots(s1="p-1"), NOON + 3 * MINUTE)
    assert outbox.assign(assign("p-1"), NOON + 4 * MINUTE) == []
    assert outbox.unassigned == {"cuff": 1}


def test_a_streamed_value_taken_back_stays_until_ingest_has_heard_of_it(opened):
    outbox = opened(age_ms=MINUTE)
    outbox.add([streamed()])
    outbox.check_in(check_in(), NOON)
    outbox.assign(assign(None), NOON)
    outbox.configure([], NOON + 5 * MINUTE)
    assert [r.subject for r in outbox.withdrawals()] == ["p-1"]
    outbox.withdrawn({"cuff": [(1, 1)]})
    outbox.configure([], NOON + 5 * MINUTE)
    assert outbox.unassigned == {"cuff": 0}


@pytest.mark.slow
def test_streamed_values_of_nobody_go_first_and_are_counted_and_spots_never(opened):
    outbox = opened(octets=1 << 18)
    outbox.add([measured(NOON + n) for n in range(50)])
    outbox.add([beat(NOON + n) for n in range(500)])
    for start in range(0, 4000, 100):
        outbox.add([streamed(NOON + start + n) for n in range(100)])
        assert outbox._file.size() < (1 << 18) + 50_000
    waiting = outbox.unassigned["cuff"]
    assert outbox.gone == 4050 - waiting > 0
    assert outbox.dropped == {}
    assert len(outbox.pending(0, 10_000)) == 500
    assert len(outbox.check_in(check_in(minutes=9), NOON)) == waiting
    assert {t for _, t, _ in pending(outbox) if t < 50} == set(range(50))


def test_what_is_filed_keeps_its_circumstances_beside_the_raw_bytes(outbox):
    outbox.add([measured(), cuff(NOON + 1)])
    query = "SELECT raw, heard, identity FROM {} JOIN boot ON boot.id = boot"
    [held] = outbox._file.execute(query.format("held"))
    [filed] = outbox._file.execute(query.format("record"))
    assert held == (NOON.to_bytes(8, "little"), 12_500, "b" * 32)
    assert filed[0] == (NOON + 1).to_bytes(8, "little")
    [row] = outbox.check_in(check_in(), NOON)
    query = "SELECT raw, heard, boot FROM record WHERE id = ?"
    assert [*outbox._file.execute(query, [row.id])] == [(held[0], 12_500, 1)]
    [reading] = wire.unpack(Message(row.topic, row.payload))
    assert (reading.record.device_t, reading.record.received) == (NOON, NOON)


def test_each_boot_has_its_identity_and_where_the_kernel_has_none_each_process(
    tmp_path,
):
    kernel = tmp_path / "boot_id"
    kernel.write_text("0f33ffa7-5a4e-4ce5-a0ff-eb1f6d1e7f6a\n")
    assert boot.identity(kernel) == "0f33ffa75a4e4ce5a0ffeb1f6d1e7f6a"
    assert boot.identity(tmp_path / "none") == boot.identity(tmp_path / "none")
    assert boot.identity(tmp_path / "none") != boot.identity(kernel)


def old_file(path):
    """A file as format 2 was, with two records and a number given."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            schema._FIRST
            + """
            INSERT INTO stream VALUES
                (1, 'strap-1', 'vitals/v1/27/p-7/strap-1/heart_rate', 'x');
            INSERT INTO record VALUES
                (7, 1, 3, CAST('{"t":3,"hr":60.0}' AS BLOB), x'00'),
                (8, 1, 4, CAST('{"t":4,"hr":60.0}' AS BLOB), x'01');
            INSERT INTO sequence VALUES ('strap-1', 5);
            INSERT INTO mark VALUES (1, 8, 2, 0);
            PRAGMA user_version = 2;"""
        )


def test_one_word_on_thousands_that_wait_asks_the_trail_once(outbox):
    for _ in range(2):
        start = NOON + outbox.held_back
        outbox.add([measured(start + n) for n in range(300)])
    asked = []
    outbox._file._db.set_trace_callback(asked.append)
    assert len(outbox.check_in(check_in(), NOON)) == 600
    assert sum("FROM assignment" in one and "since <=" in one for one in asked) == 2


def steps(outbox):
    """How many steps SQLite needs to look up whose a reading is."""
    counted = []
    outbox._file._db.set_progress_handler(lambda: counted.append(1), 1)
    assert outbox.sharing.trail.whose("cuff", [Occasion(NOON, True)]) == ["p-1"]
    outbox._file._db.set_progress_handler(None, 1)
    return len(counted)


def test_a_reading_that_arrives_does_not_pay_for_those_that_were_moved(opened):
    outbox = opened()
    outbox.check_in(check_in(), NOON)
    before = steps(outbox)
    outbox.add([measured(NOON - 1 - n) for n in range(300)])
    moved = outbox.assign(assign("p-2", NOON - 300, NOON - 1), NOON)
    assert len(moved) == 300
    assert steps(outbox) < before + 50
    outbox._file.execute("DROP INDEX assignment_by_word")  # as in older programs' files
    assert steps(outbox) > before + 600  # control
    outbox.close()
    assert steps(opened()) < before + 50


def test_a_full_disk_goes_on_without_the_index_of_words(opened, tmp_path):
    outbox = opened()
    outbox._file.execute("DROP INDEX assignment_by_word")
    outbox._file.execute("VACUUM")
    outbox.close()
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as db:
        [(pages,)] = db.execute("PRAGMA page_count")
        db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError, match="full"):  # control
            db.execute(schema._WORDS)
        schema.prepare(db)
        there = "SELECT count(*) FROM sqlite_master WHERE name = 'assignment_by_word'"
        assert [*db.execute(there)] == [(0,)]
        db.execute("PRAGMA max_page_count = 100000")
        schema.prepare(db)
        assert [*db.execute(there)] == [(1,)]


def test_a_file_of_the_older_format_is_brought_up_to_date_whole(tmp_path):
    path = tmp_path / "gateway.db"
    old_file(path)
    for _ in range(2):
        outbox = Outbox(path, "gw-1")
        assert [(row.id, row.seq) for row in outbox.pending(0, 9)][:2] == [
            (7, 3),
            (8, 4),
        ]
        outbox.close()
    outbox = Outbox(path, "gw-1")
    [row] = outbox.add([beat()])
    assert (row.id, row.seq) == (9, 5)
    assert outbox.add([measured()]) == []
    assert outbox.count() == 3
    outbox.close()


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "gateway.db"
    old_file(path)
    with monkeypatch.context() as broken:
        broken.setattr(schema, "_THIRD", schema._THIRD + "CREATE nonsense;")
        with pytest.raises(Unavailable):
            Outbox(path, "gw-1")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert "held" not in {
            name for (name,) in db.execute("SELECT name FROM sqlite_master")
        }
    outbox = Outbox(path, "gw-1")
    assert outbox.count() == 2
    outbox.close()


def test_a_newer_format_is_refused_in_one_clear_line(tmp_path):
    path = tmp_path / "gateway.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 4")
    with pytest.raises(Unavailable, match=r"newer version.*format 4.*knows 3") as said:
        Outbox(path, "gw-1")
    assert "\n" not in str(said.value)


def test_a_change_that_the_disk_refused_is_taken_back_whole(outbox):
    """Also when its transaction is on the disk after all, as after a failed fsync."""
    outbox.configure(by_slots(s1="p-1"), NOON)
    outbox.add([measured(user=1), measured(NOON + 1)])
    before = outbox._file.tally.copy()
    outbox.assign(assign("p-2", NOON, NOON + 9), NOON)
    outbox._file.tally = before  # as a failed COMMIT leaves it
    outbox.reopen()
    assert pending(outbox) == [("p-1", 0, 1)]
    assert outbox.unassigned == {"cuff": 1}
    assert outbox.withdrawals() == []
    assert len(outbox.assignments(NOON, 9).trail) == 1
    assert told(outbox.assign(assign("p-2", NOON, NOON + 9), NOON)) == [
        ("p-2", 0, 2), ("p-2", 1, 3),
    ]  # fmt: skip


class Clinic(RuleBasedStateMachine):
    """Measure, check in, correct, commit, withdraw and crash in any order.

    A model that knows nothing of tables says whose each reading is.
    """

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "gateway.db"
        self.outbox = Outbox(self.path, "gw-1", synchronous="OFF")
        self.outbox.configure(by_slots(s1="p-1"), NOON)
        self.said = [("slot", 1, "p-1", 0, 1 << 60)]
        self.readings, self.now = {}, 0  # t: (slot, subject)
        self.chart = {}  # seq: (subject, t), as ingest has it
        self.gone = set()

    def whose(self, t, slot):
        best, begun = None, [s for s in self.said if s[0] == "check_in" and s[3] <= t]
        last = max(reversed(begun), key=lambda said: said[3], default=None)
        for said in self.said:
            what, of, subject, since, until = said
            if what == "check_in" and said is not last:
                continue  # somebody else has checked in since
            by_hand = best and best[0] == "assign" and what != "assign"
            if of in (None, slot) and since <= t < until and not by_hand:
                best = what, subject
        return best and best[1]

    @rule(slot=st.sampled_from([None, 1]), back=st.integers(0, 30))
    def measure(self, slot, back):
        self.now += 1
        t = self.now * 100 - back
        if t not in self.readings:
            self.outbox.add([measured(NOON + t, user=slot)])
            self.readings[t] = slot, self.whose(t, slot)

    @rule(subject=st.sampled_from(["p-1", "p-2"]), back=st.integers(0, 500))
    def check_in(self, subject, back):
        since = self.now * 100 - back
        self.said.append(("check_in", None, subject, since, since + 6000))
        self.outbox.check_in(check_in(subject, NOON + since, 0.1), NOON)
        for t, (slot, _) in self.readings.items():
            if since <= t:
                self.readings[t] = slot, self.whose(t, slot)

    @rule(
        subject=st.sampled_from([None, "p-1", "p-2", "p-3"]),
        since=st.integers(0, 2000),
        length=st.integers(0, 300),
    )
    def correct(self, subject, since, length):
        self.said.append(("assign", None, subject, since, since + length + 1))
        self.outbox.assign(assign(subject, NOON + since, NOON + since + length), NOON)
        for t, (slot, _) in self.readings.items():
            if since <= t <= since + length:
                self.readings[t] = slot, subject

    @rule(limit=st.integers(1, 9))
    def publish(self, limit):
        for row in self.outbox.pending(0, limit):
            [(subject, t, seq)] = told([row])
            assert self.chart.setdefault(seq, (subject, t)) == (subject, t)
            self.outbox.release([row.id])

    @rule()
    def withdraw(self):
        for reading in self.outbox.withdrawals():
            seq, t = reading.record.seq, reading.record.t - NOON
            assert (
                self.chart.setdefault(seq, (reading.subject, t))[0] == reading.subject
            )
            self.gone.add(seq)
            self.outbox.withdrawn({"cuff": [(seq, seq)]})

    @rule()
    def crash(self):
        self.outbox.close()
        self.outbox = Outbox(self.path, "gw-1", synchronous="OFF")

    @invariant()
    def each_reading_is_its_persons_once_or_waits(self):
        to_come = {seq: (subject, t) for subject, t, seq in pending(self.outbox)}
        seen = {s: v for s, v in self.chart.items() if s not in self.gone} | to_come
        wrong = {r.record.seq for r in self.outbox.withdrawals()}
        standing = sorted(v for s, v in seen.items() if s not in wrong)
        given = [(s, t) for t, (_, s) in self.readings.items() if s]
        assert standing == sorted(given)
        waiting = [t for t, (_, s) in self.readings.items() if s is None]
        assert self.outbox.unassigned.get("cuff", 0) == len(waiting)
        numbers = {*self.chart, *to_come, *wrong}
        assert numbers == set(range(1, len(numbers) + 1))

    def teardown(self):
        self.outbox.close()
        self.folder.cleanup()


TestA14Clinic = Clinic.TestCase
TestA14Clinic.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None
)

import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.outbox import Notification, Outbox
from vitals import HeartRate, Reading, wire
from vitals.wire import Message


def notification(device="strap-1", t=1000, hr=72):
    record = HeartRate(t=t, received=t, hr=hr)
    return Notification(Reading("p-7", device, record), "2a37", b"\x00\x48")


def records(rows):
    return [wire.unpack(Message(row.topic, row.payload))[0].record for row in rows]


@pytest.fixture
def outbox(tmp_path):
    with_file = Outbox(tmp_path / "gateway.db", "gw-1")
    yield with_file
    with_file.close()


def test_numbers_are_per_device_from_one_without_gaps(outbox):
    rows = outbox.add([notification("a"), notification("b"), notification("a")])
    rows += outbox.add([notification("a")])
    numbers = [(row.device, row.seq) for row in rows]
    assert numbers == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]
    assert [r.seq for r in records(rows)] == [1, 1, 2, 3]
    assert {r.gateway for r in records(rows)} == {"gw-1"}


def test_numbers_go_on_after_a_restart_even_when_all_is_committed(tmp_path):
    for expected in (1, 2, 3):
        outbox = Outbox(tmp_path / "gateway.db", "gw-1")
        [row] = outbox.add([notification()])
        assert row.seq == expected
        outbox.release([row.id])
        outbox.close()
        assert row.id == expected


def test_what_is_released_is_gone_and_nothing_else(outbox):
    rows = outbox.add([notification(t=i) for i in range(1, 6)])
    outbox.release([rows[0].id, rows[1].id, rows[3].id])
    assert outbox.count() == 2
    assert [row.seq for row in outbox.pending(0, 10)] == [3, 5]
    outbox.release([99])
    assert [row.seq for row in outbox.pending(0, 10)] == [3, 5]


def test_an_old_backup_never_takes_a_number_twice(tmp_path):
    outbox = Outbox(tmp_path / "gateway.db", "gw-1")
    outbox.add([notification(t=1)])
    outbox.close()
    restored = Outbox(tmp_path / "gateway.db", "gw-1")  # ingest has seen up to 50
    restored.add([notification(t=2), notification(t=3)])
    assert restored.reconcile({"strap-1": 50}, renumber=True) == (2, 0)
    rows = restored.pending(0, 10)
    assert [(r.t, r.seq) for r in records(rows)] == [(1, 1), (2, 51), (3, 52)]
    assert restored.add([notification()])[0].seq == 53
    assert restored.reconcile({"strap-1": 60, "new": 9}, renumber=False) == (0, 0)
    assert [row.seq for row in restored.add([notification(), notification("new")])] == [
        61,
        10,
    ]
    restored.close()


@pytest.mark.parametrize("claim", [1 << 53, 1 << 41, 1 << 63])
def test_nobody_is_believed_who_claims_numbers_that_no_gateway_can_reach(outbox, claim):
    outbox.add([notification()])
    claims = {"strap-1": claim, "other": claim}
    assert outbox.reconcile(claims, renumber=True) == (0, 2)
    numbers = [row.seq for row in outbox.add([notification(), notification("other")])]
    assert numbers == [2, 1]


def test_a_stamped_measurement_said_again_is_one_record(outbox, tmp_path):
    record = HeartRate(t=1000, received=1000, device_t=900, hr=72)
    stamped = Notification(Reading("p-7", "cuff-1", record), "2a35", b"stamp")
    assert len(outbox.add([stamped, stamped])) == 1
    outbox.release([1])
    assert outbox.add([stamped]) == []
    other = Notification(stamped.reading, "2a35", b"another stamp")
    assert [row.seq for row in outbox.add([other])] == [2]


def test_the_same_heart_rate_twice_is_two_records(outbox):
    assert len(outbox.add([notification(), notification()])) == 2


def test_a_full_disk_gives_no_number_away(tmp_path):
    outbox = Outbox(tmp_path / "gateway.db", "gw-1")
    outbox.add([notification()])
    outbox._file.execute("PRAGMA max_page_count=1")
    big = Notification(notification().reading, "2a37", bytes(100_000))
    with pytest.raises(sqlite3.Error):
        outbox.add([big])
    outbox._file.execute("PRAGMA max_page_count=100000")
    assert outbox.add([notification()])[0].seq == 2
    outbox.close()


class Life(RuleBasedStateMachine):
    """Add, commit, crash and resend in any order: nothing lost, nothing doubled."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "gateway.db"
        self.outbox = Outbox(self.path, "gw-1", synchronous="OFF")
        self.given, self.ids, self.committed = [], [], set()

    @rule(count=st.integers(1, 5))
    def add(self, count):
        rows = self.outbox.add([notification(t=i + 1) for i in range(count)])
        self.given += [row.seq for row in rows]
        self.ids += [row.id for row in rows]

    @rule(low=st.integers(1, 30), length=st.integers(0, 10))
    def commit(self, low, length):
        known = [s for s in self.given if low <= s <= low + length]
        self.outbox.release([self.ids[s - 1] for s in known])
        self.committed.update(known)

    @rule()
    def crash(self):
        self.outbox.close()
        self.outbox = Outbox(self.path, "gw-1", synchronous="OFF")

    @invariant()
    def nothing_is_lost_or_doubled(self):
        waiting = [row.seq for row in self.outbox.pending(0, 10_000)]
        assert self.given == list(range(1, len(self.given) + 1))
        assert waiting == [s for s in self.given if s not in self.committed]
        assert self.outbox.count() == len(waiting)

    def teardown(self):
        self.outbox.close()
        self.folder.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)

WRITER = """
import sys, pathlib, time
from gateway.outbox import Outbox, Notification
from vitals import HeartRate, Reading
path, early = pathlib.Path(sys.argv[1]), sys.argv[2] == "early"
outbox = Outbox(path, "gw-1")
for t in range(1, 1_000_000):
    reading = Reading("p-7", "s", HeartRate(t=t, hr=72))
    if early:  # the negative control: it says so long before it is so
        print(t, flush=True)
        time.sleep(300)
    outbox.add([Notification(reading, "2a37", b"")])
    if not early:
        print(t, flush=True)
"""


def kill_a_writer(path, when, rng):
    command = [sys.executable, "-c", WRITER, str(path), when]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        writer.stdout.readline()
        time.sleep(rng.uniform(0, 0.02))
        writer.send_signal(signal.SIGKILL)
        said = [1, *map(int, writer.stdout.read().split())]
    outbox = Outbox(path, "gw-1")
    have = [record.t for record in records(outbox.pending(0, 1_000_000))]
    outbox.close()
    assert have == sorted(set(have))
    return set(said) - set(have)


@pytest.mark.slow
def test_what_add_has_returned_survives_sigkill(tmp_path):
    rng = random.Random(1)
    for n in range(10):
        assert not kill_a_writer(tmp_path / f"{n}.db", "late", rng)


@pytest.mark.slow
def test_the_kill_test_can_fail(tmp_path):
    assert kill_a_writer(tmp_path / "early.db", "early", random.Random(1)) == {1}

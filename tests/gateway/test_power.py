"""Confirmed means stored: power cuts and kills of the outbox, and controls that lose.

A writer hands spot readings and beats to a real `Recorder`.  What its futures say is
stored it writes into a file that the power cut spares, as number:seq; so a wearable
would have been confirmed.  -number says that the record is committed and may go.
"""

import random
import shutil
import subprocess
import sys
import time
from itertools import count

import pytest

from gateway.outbox import Outbox
from tests.gateway.values import beat, cuff
from tests.power import ROOT, Disk, needs_strace, scratch, trace
from vitals import Unavailable, wire
from vitals.wire import Message

WRITER = """
import asyncio, os, sys, time
from pathlib import Path
from gateway import outbox, recorder
from gateway.outbox import Outbox
from tests.gateway.values import beat, cuff
from vitals.metrics import Metrics
from vitals.wire import Message, unpack

folder, synchronous, rounds, early = sys.argv[1:]
outbox.FOLD, outbox.SWEEP, outbox.MARK = 60, 10, 7
ack = os.open(folder + "/ack", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

async def main():
    box = Outbox(Path(folder) / "gateway.db", "gw-1", synchronous=synchronous)
    keeper = recorder.Recorder(box, Metrics(), group_s=0)
    work = asyncio.ensure_future(keeper.run())
    number = 0
    for one in range(int(rounds)):
        values = [beat(number + 1), beat(number + 2), cuff(number + 3)]
        number += 3
        stored = [keeper.put(value) for value in values]
        if early:
            os.write(ack, b"%d:0 " % (number - 1))
        if early == "long before":
            time.sleep(300)  # nothing is written meanwhile, whatever the disk's pace
        await asyncio.gather(*stored)
        rows = list(keeper.fresh)
        keeper.fresh.clear()
        for row in rows:
            [reading] = unpack(Message(row.topic, row.payload))
            os.write(ack, b"%d:%d " % (reading.record.t, row.seq))
        if one % 3 == 2:
            for row in rows:
                [reading] = unpack(Message(row.topic, row.payload))
                os.write(ack, b"-%d " % reading.record.t)
            await keeper.ask(Outbox.release, [row.id for row in rows])
    os._exit(0)

asyncio.run(main())
"""


class Promises:
    """What the writer has said so far."""

    def __init__(self):
        self.confirmed, self.released, self.highest = set(), set(), {}

    def hear(self, said):
        for word in said.decode().split():
            number, _, seq = word.partition(":")
            if not seq:
                self.released.add(-int(number))
                continue
            self.confirmed.add(int(number))
            device = device_of(int(number))
            self.highest[device] = max(int(seq), self.highest.get(device, 0))

    def broken_by(self, image):
        """Open what a power cut left; give what was confirmed and is not there."""
        try:
            outbox = Outbox(image / "gateway.db", "gw-1")
        except Unavailable:
            return {"everything", *self.confirmed}
        try:
            rows = outbox.pending(0, 100_000)
            numbers = [number_of(row) for row in rows]
            assert len(set(numbers)) == len(numbers), "doubled"
            assert len({(row.device, row.seq) for row in rows}) == len(rows)
            assert outbox.count() == len(rows)
            lost = self.confirmed - self.released - set(numbers)
            if not lost:
                last = max([0, *self.confirmed, *numbers])
                self._goes_on(outbox, set(numbers), last)
        finally:
            outbox.close()
        return lost

    def _goes_on(self, outbox, there, last):
        """No number comes twice; what is told again is new unless it is there."""
        told = range(3, last + 4, 3)
        fresh = outbox.add([cuff(t) for t in told])
        again = {number_of(row) for row in fresh}
        assert not again & there, "a reading told again is doubled"
        missing = set(told) - there - self.released - again
        assert not missing & self.confirmed, "a reading told again is forgotten"
        assert set(told) - self.confirmed <= again | there
        for row in fresh:
            assert row.seq > self.highest.get(row.device, 0)


def number_of(row):
    [reading] = wire.unpack(Message(row.topic, row.payload))
    return reading.record.t


def device_of(number):
    return "strap-1" if number % 3 else "cuff-1"


def cut(folder, synchronous="FULL", rounds=60, early="", per_call=3):
    """Cut the power at every call; give (images, confirmed readings lost)."""
    promises, arguments = Promises(), (synchronous, str(rounds), early)
    images, lost = cut_power(folder, WRITER, arguments, promises, per_call)
    assert not rounds or promises.highest["cuff-1"] == rounds
    return images, lost


def cut_power(folder, writer, arguments, promises, per_call):
    disk, images, lost = Disk(7), 0, 0
    with scratch() as memory:
        for call in trace(folder, writer, *arguments):
            if call.name == "ack":
                promises.hear(call.content)
            else:
                disk.apply(call)
                if call.call not in ("pwrite64", "fdatasync", "ftruncate"):
                    continue
            for _ in range(per_call if call.name != "ack" else 1):
                image = memory / "image"
                image.mkdir()
                disk.cut(image, disk.random.choice((0.0, 0.3, 0.7, 0.95, 1.0)))
                lost += bool(promises.broken_by(image))
                shutil.rmtree(image)
                images += 1
    return images, lost


@needs_strace
@pytest.mark.slow
def test_a_power_cut_takes_nothing_that_was_confirmed(tmp_path, record_property):
    images, lost = cut(tmp_path)
    record_property("images", images)
    assert images >= 1000
    assert lost == 0


@needs_strace
@pytest.mark.slow
def test_a_control_that_does_not_sync_loses(tmp_path):
    _, lost = cut(tmp_path, synchronous="NORMAL", rounds=15, per_call=1)
    assert lost > 0


@needs_strace
@pytest.mark.slow
def test_a_control_that_confirms_first_loses(tmp_path):
    _, lost = cut(tmp_path, rounds=15, early="early", per_call=1)
    assert lost > 0


@needs_strace
@pytest.mark.soak
def test_a_hundred_thousand_power_cuts_take_nothing(tmp_path):
    images, lost = cut(tmp_path, per_call=160)
    assert images >= 100_000
    assert lost == 0


ADD = """
import os, sys
from pathlib import Path
from gateway.outbox import Outbox
from tests.gateway.values import beat, cuff

folder, early = sys.argv[1:]
ack = os.open(folder + "/ack", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
box = Outbox(Path(folder) / "gateway.db", "gw-1")
box.release([1, 2, 3])
os.getppid()
if early:
    os.write(ack, b"10:3 11:7 ")
box.add([cuff(10), beat(11)])
if not early:
    os.write(ack, b"10:3 11:7 ")
box.fold()
os._exit(0)
"""
DISK = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename"


def killed(folder, when, early=""):
    """Kill a writer as it begins its n-th call on the file; give what then is lost.

    None when the writer was faster.
    """
    folder.mkdir()
    outbox, promises = Outbox(folder / "gateway.db", "gw-1"), Promises()
    outbox.add([beat(1), beat(2), cuff(3), beat(4), beat(5), cuff(6), beat(7), beat(8)])
    outbox.close()
    promises.hear(b"1:1 2:2 3:1 4:3 5:4 6:2 7:5 8:6 -1 -2 -3 ")
    return kill(folder, ADD, promises, when, early)


def kill(folder, script, promises, when, early=""):
    files = [
        folder / name for name in ("gateway.db", "gateway.db-wal", "gateway.db-shm")
    ]
    paths = [option for path in (folder, *files) for option in ("-P", path)]
    inject = f"inject={DISK}:signal=KILL:when={when}"
    what = "-e", f"trace={DISK}", "-e", inject
    strace = ["strace", "-qq", "-o", "/dev/null", *paths, *what]
    command = [*strace, sys.executable, "-c", script, folder, early]
    done = subprocess.run(command, cwd=ROOT, capture_output=True)
    assert done.returncode in (0, -9, 137), done.stderr
    promises.hear((folder / "ack").read_bytes())
    lost = promises.broken_by(folder)
    return None if done.returncode == 0 else lost


def at_every_call(folder, early="", first=1):
    """Kill writers at one call on the disk after the other; give what each lost."""
    for when in count(first):
        lost = killed(folder / str(when), when, early)
        if lost is None:
            return
        yield when, lost


@needs_strace
@pytest.mark.slow
def test_a_kill_at_any_call_on_the_disk_takes_nothing_that_was_confirmed(tmp_path):
    points = dict(at_every_call(tmp_path))
    assert len(points) > 15
    assert not {when: lost for when, lost in points.items() if lost}


@needs_strace
@pytest.mark.slow
def test_a_control_that_confirms_first_loses_when_it_is_killed(tmp_path):
    # The file is open by the twelfth.
    assert any(lost for _, lost in at_every_call(tmp_path, "early", 12))


def shot(folder, after_s, early=""):
    """SIGKILL a recorder at work, so long after its first word; give what it lost."""
    folder.mkdir(parents=True)
    arguments = folder, "FULL", "1000000", early
    writer = subprocess.Popen([sys.executable, "-c", WRITER, *arguments], cwd=ROOT)
    ack, promises = folder / "ack", Promises()
    try:
        while not (ack.exists() and ack.stat().st_size):
            assert writer.poll() is None
            time.sleep(0.01)
        time.sleep(after_s)
    finally:
        writer.kill()
        writer.wait()
    promises.hear(ack.read_bytes())
    assert promises.confirmed
    return promises.broken_by(folder)


def shots(folder, times, early=""):
    """SIGKILL recorders at random moments; give how many lost something."""
    dice = random.Random(1)
    moments = [dice.uniform(0, 0.3) for _ in range(times)]
    lost = [shot(folder / str(n), at, early) for n, at in enumerate(moments)]
    return sum(map(bool, lost))


@pytest.mark.slow
def test_a_kill_at_a_random_moment_takes_nothing_that_was_confirmed(tmp_path):
    assert shots(tmp_path, 10) == 0


@pytest.mark.slow
def test_a_control_that_confirms_first_loses_at_random_moments(tmp_path):
    assert shots(tmp_path, 2, "long before") == 2

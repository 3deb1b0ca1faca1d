import asyncio
import contextlib
import errno
import json
import re
import shutil
import subprocess
import sys

import pytest

from gateway import file
from gateway.outbox import Keep, Outbox
from gateway.recorder import AGAIN_S, Recorder
from gateway.service import Reporter
from tests import warp
from tests.gateway.values import NOON, beat, cuff
from tests.power import ROOT, needs_strace
from vitals import DeviceStatus, GatewayStatus, wire
from vitals.bus import MemoryBus
from vitals.config import Wearable
from vitals.metrics import Metrics


class Disk(Outbox):
    """An outbox whose transactions can be counted, and refused."""

    def __init__(self, path):
        super().__init__(path, "gw-1", synchronous="OFF")
        self.said = []
        self._file._db.set_trace_callback(self.said.append)

    @property
    def transactions(self):
        return self.said.count("COMMIT")

    def fill_up(self):
        self._file.execute("PRAGMA max_page_count=1")

    def make_room(self):
        self._file.execute("PRAGMA max_page_count=1000000")


@contextlib.asynccontextmanager
async def recording(path, beside, group_s=0.0):
    disk = Disk(path / "gateway.db")
    recorder = Recorder(disk, Metrics(), group_s)
    async with beside(recorder.run()):
        yield disk, recorder
    recorder.close()


def test_streamed_values_share_a_transaction(beside, tmp_path):
    async def main():
        async with recording(tmp_path, beside, 0.1) as (disk, recorder):
            start = asyncio.get_running_loop().time()
            first = recorder.put(beat(NOON))
            await asyncio.sleep(0.03)
            stored = [recorder.put(beat(NOON + n)) for n in range(1, 5)]
            await asyncio.gather(first, *stored)
            assert disk.transactions == 1
            assert 0.09 < asyncio.get_running_loop().time() - start < 0.3

    warp.run(main())


def test_a_folder_that_cannot_be_synced_stops_nobody_and_is_tried_again(
    run, beside, tmp_path, monkeypatch
):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    async def main():
        async with recording(tmp_path, beside) as (_, recorder):
            with monkeypatch.context() as broken:
                broken.setattr(file, "_sync_folder", fail)
                recorder._suspect = True  # as after an error of the disk
                stored = recorder.put(cuff())
                async with asyncio.timeout(60):
                    while "Input/output" not in recorder.problem:
                        await asyncio.sleep(0.01)
                assert not stored.done()
            await stored

    run(main())


def test_a_spot_reading_waits_for_nobody_and_takes_the_others_along(beside, tmp_path):
    async def main():
        async with recording(tmp_path, beside, 5.0) as (disk, recorder):
            streamed = recorder.put(beat())
            await asyncio.sleep(0.05)
            start = asyncio.get_running_loop().time()
            await recorder.put(cuff())
            assert asyncio.get_running_loop().time() - start < 0.5
            assert streamed.done()
            assert disk.transactions == 1

    warp.run(main())


def test_what_waits_at_the_end_is_written(run, beside, tmp_path):
    async def main():
        async with recording(tmp_path, beside, 5.0) as (_, recorder):
            recorder.put(beat())
            await asyncio.sleep(0.05)

    run(main())
    outbox = Outbox(tmp_path / "gateway.db", "gw-1")
    assert outbox.count() == 1
    outbox.close()


def test_a_dead_disk_does_not_keep_us_from_stopping(run, beside, tmp_path):
    async def main():
        async with recording(tmp_path, beside) as (disk, recorder):
            await recorder.ask(Disk.fill_up)
            big = cuff()
            stored = recorder.put(big)
            for n in range(200):
                recorder.put(beat(NOON + n))
            await asyncio.sleep(0.1)
            assert not stored.done()
            assert disk.count() == 0

    run(main(), 60)


def test_a_full_disk_is_told_within_five_seconds_and_confirms_nothing(
    beside, tmp_path, at
):
    async def main():
        bus = MemoryBus()
        told = bus.subscribe(wire.gateway_topic("gw-1", "status"))
        async with recording(tmp_path, beside) as (_, recorder):
            metrics = recorder._metrics
            reporter = Reporter("gw-1", bus, recorder, [], metrics, lambda: at(0))
            async with beside(reporter.run()):
                await asyncio.gather(*(recorder.put(cuff(NOON + n)) for n in range(9)))
                await recorder.ask(Disk.fill_up)
                start = asyncio.get_running_loop().time()
                refused = [recorder.put(cuff(NOON + 9 + n)) for n in range(99)]
                status = await statuses(told, lambda status: status.disk)
                assert asyncio.get_running_loop().time() - start < 5
                assert "full" in status.disk
                assert metrics.gauges["gateway_disk_failing"] == 1
                assert metrics.counters["gateway_disk_errors_total"] >= 1
                assert not any(future.done() for future in refused)
                assert len(await recorder.ask(Outbox.pending, 0, 999)) == 9  # readable
                await recorder.ask(Disk.make_room)
                await asyncio.wait_for(asyncio.gather(*refused), AGAIN_S + 2)
                await statuses(told, lambda status: not status.disk)
                assert metrics.gauges["gateway_disk_failing"] == 0
                rows = await recorder.ask(Outbox.pending, 0, 999)
                assert [row.seq for row in rows] == list(range(1, 109))

    warp.run(main())


class Strap:
    """An attendant, as far as a reporter is concerned."""

    device = Wearable(device="strap-1", subject="p-7", address="C0:00:00:00:00:01")
    problem = ""

    def status(self, gateway):
        return DeviceStatus(t=NOON, connected=True, gateway=gateway)


def test_numbers_that_had_to_go_are_told_in_the_wearables_status(
    run, beside, tmp_path, at
):
    async def main():
        bus, metrics = MemoryBus(), Metrics()
        told = bus.subscribe(wire.of("p-7", "strap-1", "status"))
        whole = bus.subscribe(wire.gateway_topic("gw-1", "status"))
        keep = Keep(octets=100_000, reserve=0)
        recorder = Recorder(Outbox(tmp_path / "gateway.db", "gw-1", keep), metrics, 0)
        reporter = Reporter("gw-1", bus, recorder, [Strap()], metrics, lambda: at(0))
        async with beside(recorder.run()):
            for n in range(4):
                values = [beat(NOON + n * 1000 + m) for m in range(1000)]
                await asyncio.gather(*map(recorder.put, values))
            async with beside(reporter.run()):
                status = await statuses(told, lambda s: s.dropped, DeviceStatus)
                total = (await statuses(whole, lambda s: s.dropped)).dropped
        recorder.close()
        [(first, last)] = status.dropped
        assert (first, last) == (1, total)
        assert metrics.counters["gateway_dropped_total"] == total >= 1000

    run(main())


def test_a22_online_since_is_since_the_broker_was_reached_again(run, beside, tmp_path):
    async def main():
        bus, hour = MemoryBus(), [NOON]
        told = bus.subscribe(wire.gateway_topic("gw-1", "status"))
        recorder = Recorder(Outbox(tmp_path / "gateway.db", "gw-1"), Metrics())
        reporter = Reporter("gw-1", bus, recorder, [], Metrics(), lambda: hour[0])
        async with beside(reporter.run()):
            await statuses(told, lambda s: s.since == NOON)
            bus.online.clear()
            await asyncio.sleep(0.6)  # it looks twice a second
            hour[0] += 60_000
            bus.online.set()
            await statuses(told, lambda s: s.since == s.t == NOON + 60_000)
        recorder.close()

    run(main())


def test_a_gateway_says_since_when_it_keeps_what_is_not_committed(
    run, beside, tmp_path
):
    async def main():
        bus = MemoryBus()
        told = bus.subscribe(wire.gateway_topic("gw-1", "status"))
        async with recording(tmp_path, beside) as (_, recorder):
            reporter = Reporter("gw-1", bus, recorder, [], Metrics(), lambda: NOON + 90)
            await asyncio.gather(*(recorder.put(cuff(NOON + n)) for n in (5, 7)))
            rows = await recorder.ask(Outbox.pending, 0, 9)
            for keeps in (5, 7, 90):
                async with beside(reporter.run()):
                    assert (await statuses(told, bool)).keeps == NOON + keeps
                await recorder.ask(Outbox.release, [row.id for row in rows[:1]])
                del rows[:1]

    run(main())


async def statuses(inbox, true, noun=GatewayStatus):
    """Wait for a status that is as wanted."""
    while True:
        for delivery in await asyncio.wait_for(inbox.take(), 60):
            status = wire.read(noun, delivery.message.payload)
            if true(status):
                return status


WRITER = """
import asyncio, json, os, sys
from pathlib import Path
from gateway import outbox, recorder
from gateway.outbox import Keep, Outbox
from tests.gateway.values import NOON, beat, cuff
from vitals.metrics import Metrics
from vitals.wire import Message, unpack

recorder.AGAIN_S, outbox.FOLD = 0.05, int(sys.argv[3])

def times(rows):
    return [unpack(Message(r.topic, r.payload))[0].record.t - NOON for r in rows]

async def main():
    box = Outbox(Path(sys.argv[1]) / "gateway.db", "gw-1", Keep(reserve=0))
    keeper = recorder.Recorder(box, Metrics(), group_s=0)
    work = asyncio.ensure_future(keeper.run())
    confirmed, problems = [], []
    for n in range(int(sys.argv[2])):
        value = cuff(NOON + n) if n % 2 else beat(NOON + n)
        stored = keeper.put(value)
        while not stored.done():
            await asyncio.wait([stored], timeout=0.01)
            if keeper.problem and keeper.problem not in problems:
                problems.append(keeper.problem)
            if keeper.problem and len(sys.argv) > 4:
                break
        if not stored.done():
            break
        confirmed.append(n)
    rows = await keeper.ask(Outbox.pending, 0, 100_000)
    print(json.dumps({
        "confirmed": confirmed, "problems": problems, "there": times(rows),
        "seqs": [[row.device, row.seq] for row in rows],
        "errors": keeper._metrics.counters["gateway_disk_errors_total"],
    }), flush=True)
    os._exit(0)

asyncio.run(main())
"""


def failing(folder, errors, fold=500, count=12, *more):
    """Record with a disk that fails; give what the writer says, and its calls."""
    Outbox(folder / "gateway.db", "gw-1").close()
    log, what = folder / "calls", "fsync,fdatasync"
    paths = ["-P", folder / "gateway.db", "-P", folder / "gateway.db-wal"]
    strace = ["strace", "-f", "-qq", "-y", "-o", log, *paths, "-e"]
    strace += [f"trace=openat,{what}", "-e", f"inject={what}:error=EIO:when={errors}"]
    command = [sys.executable, "-c", WRITER, folder, str(count), str(fold), *more]
    done = subprocess.run(
        [*strace, *command], cwd=ROOT, capture_output=True, timeout=240
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"disk I/O error" in done.stderr
    return json.loads(done.stdout), log.read_text().splitlines()


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(("errors", "fold"), [("2", 500), ("3..5", 500), ("7", 8)])
def test_after_a_failed_sync_the_file_is_opened_anew_and_nothing_is_lost_or_doubled(
    tmp_path, errors, fold
):
    said, calls = failing(tmp_path, errors, fold, 20)
    assert said["errors"] == sum("EIO" in call for call in calls)
    assert said["confirmed"] == list(range(20))
    assert said["there"] == list(range(20))
    devices = "strap-1", "cuff-1"
    assert said["seqs"] == [[d, seq] for seq in range(1, 11) for d in devices]
    for place, call in enumerate(calls):
        if "EIO" in call:  # the same descriptor is never synced again
            assert "openat" in calls[place + 1], calls[place : place + 3]


@needs_strace
@pytest.mark.slow
def test_a_disk_that_fails_for_ever_confirms_nothing_more(tmp_path):
    said, _ = failing(tmp_path, "9+", 500, 50, "stop")
    assert said["confirmed"] == said["there"]
    assert 0 < len(said["confirmed"]) < 50


def small_disk():
    """Give how to run a command with 1 MiB of disk at /mnt, or None."""
    command = ["unshare", "-Urm", "sh", "-c"]
    mount = "mount -t tmpfs -o size=1m none /mnt && "
    if not shutil.which("unshare"):
        return None
    tried = subprocess.run([*command, f"{mount} true"], capture_output=True)
    return (command, mount) if tried.returncode == 0 else None


@pytest.mark.slow
def test_on_a_disk_that_is_full_everything_confirmed_is_there_and_readable(tmp_path):
    found = small_disk()
    if found is None:
        pytest.skip("may not mount a small disk here (unshare -Urm)")
    command, mount = found
    (tmp_path / "writer.py").write_text(WRITER)
    run = f"{sys.executable} {tmp_path}/writer.py /mnt 100000 60 stop"
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    done = subprocess.run(
        [*command, mount + run], capture_output=True, env=environment, timeout=240
    )
    said = json.loads(done.stdout)
    assert re.search("full", said["problems"][0])
    assert len(said["confirmed"]) > 200
    assert said["there"] == said["confirmed"]

"""A power cut: what was written and not yet synced may be gone, in any part.

A writer runs under strace; from its calls we build the disk as a power cut could leave
it at every promise, and see whether what was promised is there.
"""

import random
import re
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from ingest.sqlite import SqliteHistory

ROOT = Path(__file__).parents[2]
BATCH, BATCHES = 20, 150  # enough for the write-ahead log to be folded in several times
SECTOR = 512
CALLS = "pwrite64,ftruncate,fsync,fdatasync,unlink,write"
WRITER = """
import os, sys
from pathlib import Path
from ingest.sqlite import SqliteStore
from vitals import HeartRate, Reading
path, synchronous = Path(sys.argv[1]), sys.argv[2]
store = SqliteStore(path / "store.db")
db = store._writer()
db.execute("PRAGMA wal_autocheckpoint = 40")
db.execute(f"PRAGMA synchronous = {synchronous}")
ack = os.open(path / "ack", os.O_CREAT | os.O_WRONLY)
for first in range(1, COUNT * SIZE, SIZE):
    store.write([
        Reading("p-1", "d-1", HeartRate(t=seq * 1000, gateway="g", seq=seq, hr=60))
        for seq in range(first, first + SIZE)
    ])
    os.write(ack, b"%d" % (first + SIZE - 1))
os._exit(0)
""".replace("SIZE", str(BATCH)).replace("COUNT", str(BATCHES))


def trace(folder, synchronous):
    """Run the writer; give its calls on its files: (call, name, content, place)."""
    log = folder / "trace"
    strace = ["strace", "-f", "-qq", "-y", "-xx", "-s", "9000000", "-o", log]
    writer = [sys.executable, "-c", WRITER, folder, synchronous]
    subprocess.run([*strace, "-e", f"trace={CALLS}", *writer], check=True, cwd=ROOT)
    pattern = re.compile(
        r"\d+ +(\w+)\((?:\d+<([^>]*)>|\"([^\"]*)\")(?:, (.*))?\) += \d"
    )
    for line in log.read_text().splitlines():
        if found := pattern.match(line):
            call, opened, path, rest = found.groups()
            name = text(opened or path)
            if Path(name).parent == folder:
                content = re.match(r'"([^"]*)"', rest or "")
                place = re.search(r"(\d+)$", rest or "")
                yield (
                    call,
                    Path(name).name,
                    unhex(content[1]) if content else b"",
                    int(place[1]) if place else 0,
                )


def unhex(escaped):
    return bytes.fromhex(escaped.replace("\\x", ""))


def text(escaped):
    return unhex(escaped).decode() if escaped.startswith("\\x") else escaped


class Disk:
    """Files as they are for sure, and the writes on their way."""

    def __init__(self, seed):
        self.files, self.pending = {}, {}
        self.random = random.Random(seed)

    def apply(self, call, name, content, place):
        if call in ("pwrite64", "ftruncate"):
            self.pending.setdefault(name, []).append((call, content, place))
        elif call in ("fsync", "fdatasync"):
            file = self.files.setdefault(name, bytearray())
            for write in self.pending.pop(name, ()):
                put(file, *write)
        elif call == "unlink":
            self.files.pop(name, None)
            self.pending.pop(name, None)

    def cut(self, folder, share):
        """Write the files as a power cut leaves them, `share` of the dirty sectors."""
        for name in {*self.files, *self.pending} - {"store.db-shm"}:
            file = bytearray(self.files.get(name, b""))
            for call, content, place in self.pending.get(name, ()):
                for at in range(0, max(len(content), 1), SECTOR):
                    if self.random.random() < share:
                        put(file, call, content[at : at + SECTOR], place + at)
            (folder / name).write_bytes(file)


def put(file, call, content, place):
    if call == "ftruncate":
        del file[place:]
        file.extend(bytes(place - len(file)))
        return
    file.extend(bytes(max(0, place + len(content) - len(file))))
    file[place : place + len(content)] = content


def lost(folder, synchronous):
    """Count the promised records that a power cut takes; and give the file's size."""
    source = folder / "run"
    source.mkdir()
    disk, missing, images = Disk(1), 0, 0
    for number, (call, name, content, place) in enumerate(trace(source, synchronous)):
        if name != "ack":
            disk.apply(call, name, content, place)
            continue
        for share in (0.0, 0.5):
            image = folder / f"{number}-{share}"
            image.mkdir()
            disk.cut(image, share)
            missing += len(set(range(1, int(content) + 1)) - recovered(image))
            images += 1
    assert images == 2 * BATCHES
    return missing, len(disk.files["store.db"])


def recovered(image):
    history = SqliteHistory(image / "store.db")
    try:
        return {r.record.seq for r in history.export()}
    except Exception:
        return set()  # not even readable: everything is lost
    finally:
        history.close()


needs_strace = pytest.mark.skipif(which("strace") is None, reason="needs strace")


@needs_strace
@pytest.mark.slow
def test_a_power_cut_takes_nothing_that_was_promised(tmp_path):
    missing, size = lost(tmp_path, "FULL")
    assert missing == 0
    assert size > 40 * 4096  # the log was folded in along the way


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_a_control_that_does_not_sync_loses(tmp_path, synchronous):
    missing, _ = lost(tmp_path, synchronous)
    assert missing > 0

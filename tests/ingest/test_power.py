"""A power cut takes nothing that the store has promised: images after every promise."""

import pytest

from ingest.sqlite_history import SqliteHistory
from tests.power import Disk, needs_strace, scratch, trace

BATCH, BATCHES = 20, 150  # enough for the write-ahead log to be folded in several times
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


def lost(folder, synchronous):
    """Count the promised records that a power cut takes; and give the file's size."""
    disk, missing, images = Disk(1), 0, 0
    with scratch() as memory:
        for call in trace(folder, WRITER, synchronous):
            if call.name != "ack":
                disk.apply(call)
            elif call.call == "write":
                promised = set(range(1, int(call.content) + 1))
                for share in (0.0, 0.5):
                    image = memory / str(images)
                    image.mkdir()
                    disk.cut(image, share)
                    missing += len(promised - recovered(image))
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


@needs_strace
@pytest.mark.slow
def test_a_power_cut_takes_nothing_that_was_promised(tmp_path):
    missing, size = lost(tmp_path, "FULL")
    assert missing == 0
    assert size > 25 * 4096  # the log was folded in along the way


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_a_control_that_does_not_sync_loses(tmp_path, synchronous):
    missing, _ = lost(tmp_path, synchronous)
    assert missing > 0

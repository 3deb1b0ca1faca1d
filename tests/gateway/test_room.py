import contextlib
import sqlite3

import pytest

from gateway.notification import STREAMED
from gateway.outbox import Full, Keep, Notification, Outbox
from gateway.room import CHUNK
from gateway.tally import RANGES, joined
from tests.gateway.values import NOON, beat, cuff

DAY = 86_400_000


@pytest.fixture
def opened(tmp_path):
    boxes = []

    def make(**bounds):
        keep = Keep(**{"reserve": 0, **bounds})
        boxes.append(Outbox(tmp_path / "gateway.db", "gw-1", keep, "OFF"))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


def waiting(outbox):
    return [(row.device, row.seq) for row in outbox.pending(0, 1_000_000)]


def test_what_streams_is_named_and_everything_else_is_a_spot_reading():
    assert beat().streamed
    assert not cuff().streamed
    assert not Notification(beat().reading, "what nobody knows", b"").streamed
    assert {what[4:8] for what in STREAMED} == {"2a37", "2a1e", "2a36", "2a5f", "2a19"}


def test_beyond_its_size_the_oldest_streamed_records_go_and_are_named(opened):
    outbox = opened(octets=1 << 20)
    outbox.add([cuff(NOON + n) for n in range(50)])
    for start in range(0, 30_000, 500):
        outbox.add([beat(NOON + start + n) for n in range(500)])
        assert outbox._file.size() < (1 << 20) + 200_000
    kept = waiting(outbox)
    assert [seq for device, seq in kept if device == "cuff-1"] == list(range(1, 51))
    beats = [seq for device, seq in kept if device == "strap-1"]
    assert beats == list(range(beats[0], 30_001))
    assert outbox.dropped == {"strap-1": ((1, beats[0] - 1),)}
    assert outbox.gone == beats[0] - 1
    assert outbox.count() == len(kept)


def test_what_had_to_go_is_known_after_a_restart_and_no_number_comes_again(opened):
    outbox = opened(octets=200_000)
    for start in range(0, 5000, 500):
        outbox.add([beat(NOON + start + n) for n in range(500)])
    gone, dropped, count = outbox.gone, dict(outbox.dropped), outbox.count()
    assert gone >= CHUNK
    outbox.close()
    again = opened(octets=200_000)
    assert (again.gone, dict(again.dropped), again.count()) == (gone, dropped, count)
    assert again.add([beat()])[0].seq == 5001


def test_spot_readings_are_refused_rather_than_dropped(opened):
    outbox = opened(octets=150_000)
    kept = 0
    with contextlib.suppress(Full):
        while kept < 10_000:
            outbox.add([cuff(NOON + kept)])
            kept += 1
    assert 100 < kept < 1000
    assert waiting(outbox) == [("cuff-1", seq) for seq in range(1, kept + 1)]
    assert outbox.gone == 0
    with pytest.raises(sqlite3.Error):
        outbox.add([cuff(NOON - 1)])
    outbox.release(range(1, kept // 2))
    outbox.pending(0, 1)
    assert outbox.add([cuff(NOON - 1)])[0].seq == kept + 1


def test_beyond_its_age_a_streamed_record_goes_a_spot_reading_never(opened):
    outbox = opened(age_ms=DAY)
    outbox.add([cuff(NOON)] + [beat(NOON + n * 1000) for n in range(100)])
    now = NOON + DAY + 60_000
    for n in range(40):
        outbox.add([beat(now + n * 1000)])
    kept = waiting(outbox)
    assert kept[0] == ("cuff-1", 1)
    assert outbox.dropped["strap-1"] == ((1, 80),)
    for n in range(40, 60):
        outbox.add([beat(now + n * 1000)])
    assert outbox.dropped["strap-1"] == ((1, 100),)


def test_a_clock_that_jumps_empties_nothing_at_once(opened):
    outbox = opened(age_ms=DAY)
    outbox.add([beat(NOON + n) for n in range(1000)])
    outbox.add([beat(NOON + 3650 * DAY)])
    assert outbox.count() == 1001 - 2


def test_a_nearly_full_disk_takes_new_records_for_old_ones(opened, tmp_path):
    small = opened(reserve=1 << 62)  # as if nothing were free
    small.add([beat(NOON + n) for n in range(3000)])
    assert small.count() == 3000  # too little to matter
    small.close()
    outbox = opened(reserve=(1 << 62))
    outbox._room._keep = Keep(reserve=100_000)
    outbox._file.disk_free = lambda: 50_000
    for n in range(3000):
        outbox.add([beat(NOON + n)])
    assert outbox.gone >= CHUNK
    assert outbox.dropped["strap-1"][0][0] == 1
    assert outbox._file.size() < 1_000_000


def test_a_released_record_that_had_to_go_is_counted_once(opened):
    outbox = opened(octets=100_000)
    rows = outbox.add([beat(NOON + n) for n in range(1500)])
    outbox.release([row.id for row in rows[:100]])
    for n in range(300):
        outbox.add([beat(NOON + n)])
    assert outbox.count() == len(waiting(outbox))


def test_a_status_carries_the_newest_ranges_only():
    many = joined((), range(1, 1000, 2))
    assert len(many) == RANGES
    assert many[-1] == (999, 999)

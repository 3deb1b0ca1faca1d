"""The detectors forget one patient, and judge all others as if nothing had been."""

from functools import partial

import numpy as np
import pytest

from dsp import erasure
from dsp.snapshot import Snapshot
from dsp.ward import Ward
from vitals import (
    Battery,
    BloodPressure,
    BodyTemperature,
    HeartRate,
    Limit,
    Plan,
    Reading,
)
from vitals.config import Dsp
from vitals.model import Schedule, Session

T0 = 1_700_000_000_000
MINUTE = 60_000
FIRST, OURS, LAST = "p-1", "p-7", "p-8"
SETTINGS = Dsp(limits={"heart_rate": Limit(high=120, hold_s=5)})
PLAN = Plan(
    sessions=(Session(id="walk", begin=T0, end=T0 + 20 * MINUTE, limit=140.0),),
    schedule=Schedule(begin=T0),
    baseline_since=T0 + 60 * MINUTE,
    t=T0,
)


def readings(subject, start, count):
    """Give what one person's wearables say, a heart that races now and then."""
    for n in range(count):
        t = start + n * 1000
        rate = 150.0 if n % 100 > 60 else 70.0 + n % 7
        yield Reading(subject, "strap", HeartRate(t=t, hr=rate, rr=(800.0,)))
        if n % 60 == 0:
            yield Reading(subject, "patch", BodyTemperature(t=t, temp=38.5))
            yield Reading(subject, "strap", Battery(t=t, level=9.0))
            yield Reading(subject, "cuff", BloodPressure(t=t, sys=185.0, dia=99.0))


def lived(*subjects):
    """Give a ward that has watched people, one after the other."""
    ward = Ward(SETTINGS)
    for subject in subjects:
        ward.plan(subject, PLAN)
    for place in range(4):
        for subject in subjects:
            some = list(readings(subject, T0 + place * 100_000, 100))
            ward.observe(some, T0 + place * 100_000 + 99_000)
    ward.tick(T0 + 401_000, T0 + 401_000)
    return ward


def goes_on(ward, subject):
    """Give what is said of a person from now on."""
    some = list(readings(subject, T0 + 402_000, 300))
    return ward.observe(some, T0 + 702_000)


@pytest.mark.parametrize("left", [[FIRST, LAST], [LAST], [FIRST], []])
def test_who_is_left_is_judged_as_if_nobody_had_gone(left):
    everybody = [one for one in (FIRST, OURS, LAST) if one == OURS or one in left]
    ward = erasure.forgotten(lived(*everybody), OURS)
    again = lived(*left)
    assert not erasure.knows(ward.save(), OURS)
    for subject in left:
        said = goes_on(ward, subject)
        assert said == goes_on(again, subject)
        assert said
    for name, array in again.save().items():
        assert repr(ward.save()[name]) == repr(array)


def test_whoever_was_forgotten_begins_anew():
    ward = erasure.forgotten(lived(OURS), OURS)
    fresh = Ward(SETTINGS)
    assert goes_on(ward, OURS) == goes_on(fresh, OURS)
    assert goes_on(lived(OURS), OURS) != goes_on(Ward(SETTINGS), OURS)


def test_a_file_forgets_too_and_one_that_is_not_there_knows_nobody(tmp_path):
    memory = Snapshot(tmp_path / "dsp.npz")
    assert not memory.knows(OURS)
    memory.write(lived(OURS, LAST).save())
    assert memory.knows(OURS)
    assert OURS.encode() in (tmp_path / "dsp.npz").read_bytes()
    memory.erase(OURS)
    assert not memory.knows(OURS)
    assert memory.knows(LAST)
    assert OURS.encode() not in (tmp_path / "dsp.npz").read_bytes()
    assert goes_on(memory.read(SETTINGS), LAST) == goes_on(lived(LAST), LAST)


def test_what_lay_in_memory_between_the_fields_of_a_row_is_in_no_file(tmp_path):
    aligned = partial(np.dtype, align=True)
    pair = aligned([("one", "u1"), ("other", "f8")])
    row = aligned([("flag", "u1"), ("value", "f8"), ("pairs", pair, (2,))])
    memory = bytearray(OURS.encode() * row.itemsize)
    rows = np.frombuffer(memory, row)
    rows["flag"], rows["value"] = 1, 2.5
    rows["pairs"]["one"], rows["pairs"]["other"] = 3, [4.5, 5.5]
    file = tmp_path / "dsp.npz"
    Snapshot(file).write({"rows": rows, "names": np.frombuffer(b"[]", np.uint8)})
    assert OURS.encode() in memory
    assert OURS.encode() not in file.read_bytes()
    with np.load(file) as arrays:
        flag, value, pairs = arrays["rows"][-1].tolist()
        assert (flag, value, pairs.tolist()) == (1, 2.5, [(3, 4.5), (3, 5.5)])
        assert arrays["names"].tobytes() == b"[]"


def test_a_file_of_the_first_layout_forgets_as_well():
    names = b'{"layout":"1/x","patients":["p-7","p-8"],"streams":["p-7/s/heart_rate"],'
    names += b'"plans":{"p-7":{}}}'
    saved = {
        "names": np.frombuffer(names, np.uint8),
        "state": np.arange(2),
        "devices": np.arange(1),
    }
    left = erasure.without(saved, OURS)
    assert not erasure.knows(left, OURS)
    assert (left["state"].tolist(), left["devices"].tolist()) == ([1], [])

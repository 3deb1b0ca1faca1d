"""A snapshot that has been through a file serves as well as its original."""

import io

import numpy as np
import pytest

from dsp.ward import Ward, _onto
from vitals import HeartRate, Reading
from vitals.detection import Dsp


def test_an_array_from_a_file_fits_the_kernels(tmp_path):
    aligned = np.zeros(3, np.dtype([("a", "i8"), ("b", "u1"), ("c", "f8")], align=True))
    file = io.BytesIO()
    np.save(file, aligned)
    file.seek(0)
    loaded = np.load(file)
    assert not loaded.dtype.isalignedstruct  # the trap: the two types are equal
    assert _onto(loaded, np.zeros(3, aligned.dtype)).dtype.isalignedstruct


@pytest.mark.parametrize("count", [1, 2, 3, 16, 64, 65])
def test_a_loaded_ward_goes_on(tmp_path, count):
    def beats(second):
        return [
            Reading(
                f"p-{n}", "strap", HeartRate(t=1_800_000_000_000 + second * 1000, hr=70)
            )
            for n in range(count)
        ]

    ward = Ward(Dsp())
    ward.observe(beats(0), 1_800_000_000_000)
    saved = tmp_path / "dsp.npz"
    with saved.open("wb") as file:
        np.savez(file, **ward.save())
    with np.load(saved) as arrays:
        again = Ward.load(Dsp(), dict(arrays))
    again.observe(beats(1), 1_800_000_001_000)


def test_what_an_older_version_did_not_know_of_starts_afresh():
    ward = Ward(Dsp())
    beat = Reading("p-1", "strap", HeartRate(t=1_800_000_000_000, hr=70))
    ward.observe([beat], 1_800_000_000_000)
    saved = ward.save()
    old = [name for name in saved["hours"].dtype.names if name != "seen"]
    saved["hours"] = saved["hours"][old].copy()
    again = Ward.load(Dsp(), saved).save()["hours"]
    assert (again["n"].sum(), again["seen"].sum()) == (1, 0)
    saved["hours"] = np.zeros(1, [("hour", "f4")])
    with pytest.raises(ValueError, match="of another type"):
        Ward.load(Dsp(), saved)

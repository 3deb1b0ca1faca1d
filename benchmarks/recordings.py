"""Real recordings for measurements; they are no part of the project.

They are looked for in `VITALS_DATA`, else in `../shared/data/dev` beside the checkout.
"""

import os
from pathlib import Path

import numpy as np

BESIDE = Path(__file__).parent.parent.parent / "shared" / "data" / "dev"


def folder():
    """Give the folder of the recordings, or None where there are none."""
    found = Path(os.environ.get("VITALS_DATA", BESIDE))
    return found if (found / "afdb_rr.npz").exists() else None


def rr_ms(record):
    """Give a record's RR intervals in ms, from the beat times of MIT-BIH AFDB."""
    data = np.load(folder() / "afdb_rr.npz")
    place = [str(name) for name in data["record"]].index(record)
    start, stop = data["offset"][place : place + 2]
    return np.diff(data["sample"][start:stop].astype(float)) * 1000 / data["fs"]

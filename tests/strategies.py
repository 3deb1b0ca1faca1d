"""Hypothesis strategies for the nouns."""

from hypothesis import strategies as st

from vitals.codes import SITES, Flag
from vitals.model import (
    Battery,
    BloodPressure,
    BodyTemperature,
    Glucose,
    HeartRate,
    OxygenSaturation,
    Reading,
)

names = st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True).filter(
    lambda name: name != "alert"
)
times = st.integers(0, 4_102_444_800_000)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.none() | numbers

common = {
    "t": times,
    "received": st.none() | times,
    "gateway": st.none() | names,
    "seq": st.none() | st.integers(1, 2**53),
    "q": st.lists(st.sampled_from([str(flag) for flag in Flag])).map(tuple),
    "link": st.sampled_from([None, "bonded", "open"]),
    "device_t": st.none() | times,
}
own = {
    HeartRate: {"hr": values, "rr": st.lists(numbers, max_size=9).map(tuple)},
    BloodPressure: {"sys": values, "dia": values, "map": values, "pulse": values},
    BodyTemperature: {"temp": values, "site": st.sampled_from([None, *SITES])},
    OxygenSaturation: {"spo2": values, "pulse": values},
    Glucose: {"glucose": values},
    Battery: {"level": values},
}

records = st.one_of(
    [st.builds(kind, **common, **fields) for kind, fields in own.items()]
)
readings = st.builds(Reading, names, names, records)

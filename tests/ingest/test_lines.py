"""The usual lines are the lines of every other record."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ingest.lines import lines
from tests.strategies import common, names, numbers, times
from vitals import HeartRate, Reading

beats = st.builds(
    HeartRate,
    t=times,
    received=times,
    gateway=names,
    seq=st.integers(1, 2**53),
    link=common["link"],
    hr=numbers,
    rr=st.lists(numbers, min_size=1, max_size=9).map(tuple),
)


@given(names, names, beats)
def test_a_usual_heart_rate_is_written_as_any_other(subject, device, beat):
    other = replace(beat, energy=0)
    usual = lines(Reading(subject, device, beat))
    assert usual == lines(Reading(subject, device, other)).replace("energy=0i,", "")
    assert usual.count("\n") == len(beat.rr)

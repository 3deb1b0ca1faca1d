"""The usual lines are the lines of every other record."""

from hypothesis import example, given
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
    rr=st.lists(st.floats(0, 3000) | numbers, min_size=1, max_size=4).map(tuple),
)
ONE = HeartRate(t=1_763_726_400_007, received=0, gateway="gw", seq=9, hr=71.5)


def with_intervals(*rr):
    return example("p-1", "s-1", replace(ONE, rr=rr))


@given(names, names, beats)
@with_intervals(812.5)
@with_intervals(812.5, 799.25)
@with_intervals(812.5, -0.0)
@with_intervals(812.5, 60_000.0)
@with_intervals(812.5, 60_001.0)
@with_intervals(812.5, -1.0)
@with_intervals(350.5, 340.0, 333.25)
def test_a_usual_heart_rate_is_written_as_any_other(subject, device, beat):
    other = replace(beat, energy=0)
    usual = lines(Reading(subject, device, beat))
    assert usual == lines(Reading(subject, device, other)).replace("energy=0i,", "")
    assert usual.count("\n") == len(beat.rr)

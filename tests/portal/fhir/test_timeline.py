"""Readings as one stream, in both directions."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.sqlite import SqliteStore
from portal.fhir import timeline
from portal.fhir.timeline import Wanted, backwards, forwards, found
from vitals.codes import Kind
from vitals.model import BloodPressure, HeartRate, Reading

T = 1_795_300_000_000
HOUR = 3_600_000


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore(tmp_path / "store.db")
    yield opened
    opened.close()


def heart(t, subject="p-1", seq=None):
    gateway = None if seq is None else "gw"
    return Reading(
        subject, "strap", HeartRate(t=t, gateway=gateway, seq=seq, hr=60.0, rr=(999.0,))
    )


def pressure(t, subject="p-1"):
    return Reading(subject, "cuff", BloodPressure(t=t, sys=120.0, dia=80.0))


def ids(store, **wanted):
    return [one.id for one in found(store, Wanted(**wanted))]


def paged(store, count, **wanted):
    """Walk through all pages."""
    got, after = [], None
    while True:
        page = list(found(store, Wanted(after=after, **wanted)))[:count]
        if not page:
            return got
        got += [one.id for one in page]
        t = timeline.END if not page else int(page[-1].id.split("-")[1], 36)
        after = t, page[-1].id


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    gaps=st.lists(
        st.sampled_from([0, 1, 1000, 5000, HOUR, 400 * 24 * HOUR]), max_size=12
    ),
    count=st.integers(1, 5),
    newest_first=st.booleans(),
)
def test_pages_are_the_whole_in_order(tmp_path_factory, gaps, count, newest_first):
    store = SqliteStore(tmp_path_factory.mktemp("store") / "store.db")
    t, readings = T - 30 * 400 * 24 * HOUR, []
    for n, gap in enumerate(gaps):
        t += gap
        readings += [heart(t, seq=n + 1), pressure(t, "p-2")]
    store.write(readings)
    whole = {"subjects": ("p-1", "p-2"), "newest_first": newest_first}
    everything = ids(store, **whole)
    assert (
        len(everything)
        == len(set(everything))
        == 2 * len(gaps) + len({r.record.t for r in readings})
    )
    assert paged(store, count, **whole) == everything
    assert everything[::-1] == ids(
        store, subjects=("p-1", "p-2"), newest_first=not newest_first
    )
    store.close()


def test_backwards_is_forwards_turned_round_however_dense(store):
    packed = [heart(T + n // 8, seq=n + 1) for n in range(1500)]
    dense = [heart(T + 5000 + n * 40, seq=1501 + n) for n in range(1500)]
    sparse = [heart(T - n * n * HOUR, seq=4000 + n) for n in range(1, 30)]
    store.write([*packed, *dense, *sparse])
    there = list(forwards(store, "p-1", Kind.HEART_RATE, T - 10**10, T + HOUR))
    back = list(backwards(store, "p-1", Kind.HEART_RATE, T - 10**10, T + HOUR))
    assert len(there) == 3029
    assert back[::-1] == there


def test_only_what_is_wanted_is_given(store):
    store.write([heart(T, seq=1), heart(T + 1000, seq=2), pressure(T)])
    wanted = {"subjects": ("p-1",), "parts": frozenset({"hr"})}
    assert [one.partition("-")[0] for one in ids(store, **wanted)] == ["hr", "hr"]
    assert len(ids(store, start=T + 1, **wanted)) == 1
    assert len(ids(store, stop=T, **wanted)) == 0
    assert ids(store, subjects=("p-9",)) == []


def test_the_newest_of_a_long_history_is_found_with_few_questions(store):
    store.write([heart(T + n * 1000, seq=n + 1) for n in range(5000)])
    asked = []

    class Counting:
        latest = store.latest

        def records(self, *question):
            asked.append(question)
            return store.records(*question)

    first = next(iter(found(Counting(), Wanted(subjects=("p-1",)))))
    assert first.effective_date_time == "2026-11-21T23:49:59.000Z"
    assert len(asked) == 1

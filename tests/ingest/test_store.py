"""The contract of every store, over SQLite and a real influxd 1.6.7.

InfluxDB twice: as it is right after writing, and once everything is rolled.
"""

import itertools

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ingest import variability
from ingest.samples import samples
from ingest.store import open_history, open_store
from ingest.trend import gather, window
from vitals import (
    BloodPressure,
    HeartRate,
    Kind,
    MalformedData,
    Metric,
    Reading,
    config,
)
from vitals.model import MOST_INTERVALS

number = itertools.count()


INFLUX = [pytest.param(n, marks=pytest.mark.slow) for n in ("influx", "rolled")]
CENTURY = 4_000_000_000_000  # when every hour of these tests is over


class Rolled:
    """A store in which nothing is left to roll when a write returns."""

    def __init__(self, store):
        self.store = store

    def write(self, readings):
        written = self.store.write(readings)
        for _ in range(20):
            self.store.tend(CENTURY)
        assert not self.store._due.settled(CENTURY, 100)
        return written

    def __getattr__(self, name):
        return getattr(self.store, name)


@pytest.fixture(params=["sqlite", *INFLUX])
def fresh(request, tmp_path):
    """How to open a new and empty store, and a second look at it."""
    opened = []
    if request.param != "sqlite":
        url = request.getfixturevalue("influxd").url

    def make():
        place = tmp_path / str(next(number))
        if request.param == "sqlite":
            section = config.Store()
        else:
            name = f'v "{next(number)}"'
            section = config.Store(kind="influx", url=url, database=name)
        store, history = open_store(section, place), open_history(section, place)
        opened.extend([store, history])
        return Rolled(store) if request.param == "rolled" else store, history

    make.examples = 25 if request.param == "sqlite" else 10
    yield make
    for one in opened:
        one.close()


def test_a_store_that_nobody_wrote_to_is_an_empty_one(fresh, noon):
    _, history = fresh()
    assert history.subjects() == history.latest("p-1") == list(history.export()) == []
    assert history.count() == 0
    assert history.trend("p-1", Metric.PULSE, noon, noon + 1000, 10) == []
    page = history.records("p-1", Kind.HEART_RATE, 0, noon, None, 10)
    assert page == ([], None)


def test_what_was_written_is_read_back_exactly(fresh, noon):
    store, history = fresh()
    written = [
        Reading(
            "p-1",
            "d-1",
            HeartRate(
                t=noon,
                received=noon + 1,
                gateway="gw-1",
                seq=10**15 + 1,
                q=("late", "off_body"),
                link="bonded",
                device_t=0,
                hr=None,
                rr=(812.5, 808.0078125),
                energy=4,
            ),
        ),
        Reading("p-1", "d-1", HeartRate(t=noon, hr=72, q=("a b", '"late"\\'))),
        Reading(
            "p-2", "d-2", BloodPressure(t=noon, sys=120.1, dia=80, map=None, user=255)
        ),
    ]
    assert store.write(written).new == 3
    assert sorted(history.export(), key=written.index) == written
    assert history.count() == 3
    assert history.subjects() == ["p-1", "p-2"]


def test_any_readings_come_back_once_and_trends_are_those_of_the_records(
    fresh, any_readings
):
    @settings(max_examples=fresh.examples, deadline=None)
    @given(any_readings)
    def holds(readings):
        store, history = fresh()
        store.write(readings)
        store.write(readings[::-1])
        distinct = set(readings)
        assert sorted(map(repr, history.export())) == sorted(map(repr, distinct))
        assert history.count() == len(distinct)
        for points in (2, 20, 300, 5000):
            _trends_agree(history, distinct, points)

    holds()


def _trends_agree(history, readings, points):
    start = min(r.record.t for r in readings) - 60_000
    stop = max(r.record.t for r in readings) + 1
    for subject in {r.subject for r in readings}:
        own = [s for r in readings if r.subject == subject for s in samples(r)]
        span = window(start, stop, points)
        expected = gather(own, span.width)
        for metric in (m for m in Metric if not m.derived):
            found = history.trend(subject, metric, start, stop, points)
            assert len(found) <= points
            buckets = {t: b for (m, t), b in expected.items() if m is metric and b.n}
            assert [p.t for p in found] == sorted(buckets)
            for p in found:
                b = buckets[p.t]
                assert (p.min, p.max, p.n) == (b.low, b.high, b.n)
                assert p.mean == pytest.approx(b.total / b.n)
                assert p.quality == pytest.approx(b.n / b.seen)


def test_of_more_intervals_than_we_take_now_the_newest_are_read(fresh, beat, noon):
    """An older version stored whatever came."""
    store, history = fresh()
    rr = tuple(800.0 + n / 8 for n in range(MOST_INTERVALS + 3))
    store.write([beat(1, rr=rr), beat(2), beat(3, rr=rr[1:4])])
    read = [beat(1, rr=rr[3:]), beat(2), beat(3, rr=rr[1:4])]
    assert list(history.export()) == read
    assert (
        history.records("p-1", Kind.HEART_RATE, noon, noon + 9000, None, 9)[0] == read
    )
    store.write([beat(4, rr=rr)])
    assert history.latest("p-1") == [beat(4, rr=rr[3:])]


def test_pages_give_every_record_once_and_in_order(fresh, beat, noon):
    store, history = fresh()
    store.write([beat(seq) for seq in range(1, 40)])
    # A second device in the very same milliseconds, and one other person's.
    store.write([beat(seq, device="strap-2") for seq in range(1, 40)])
    store.write([beat(seq, subject="p-2") for seq in range(1, 40)])
    for limit in (1, 7, 78, 1000):
        found, after = [], None
        while True:
            page, after = history.records(
                "p-1", Kind.HEART_RATE, noon + 2000, noon + 30_000, after, limit
            )
            assert len(page) <= limit
            found += page
            if after is None:
                break
        assert len(found) == len(set(found)) == 2 * 28
        assert [r.record.t for r in found] == sorted(r.record.t for r in found)
        assert {r.subject for r in found} == {"p-1"}


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "1",
        "1.2.3",
        "-1.0",
        "1.9" * 30,
        "1.' OR",
        "9" * 30 + ".0",
        "1." + "9" * 30,
        "٣.٣",
    ],
)
def test_a_cursor_of_somebody_else_is_refused(fresh, cursor, noon):
    store, _ = fresh()
    with pytest.raises(MalformedData):
        store.records("p-1", Kind.HEART_RATE, 0, noon, cursor, 10)


def test_latest_is_by_time_of_measurement_not_of_arrival(fresh, beat):
    store, history = fresh()
    store.write([beat(9), beat(3, device="strap-2")])
    store.write([beat(5), beat(4, device="strap-2", gateway="gw-2")])
    newest = history.latest("p-1")
    assert [(r.device, r.record.seq) for r in newest] == [
        ("strap-1", 9),
        ("strap-2", 4),
    ]
    assert history.latest("p-2") == []


def test_d3_a_gap_stays_a_gap_and_bad_values_only_lower_the_quality(fresh, beat, noon):
    store, history = fresh()
    store.write(
        [
            beat(1, hr=60.0),
            beat(2, hr=100.0),
            beat(3, hr=250.0, q=("artefact",)),
            beat(4, hr=None),
            beat(5, hr=999.0),
            beat(6, hr=None, t=noon + 120_000),
            beat(7, hr=70.0, t=noon + 600_000),
        ]
    )
    trend = history.trend("p-1", Metric.HEART_RATE, noon, noon + 660_000, 11)
    assert [p.t - noon for p in trend] == [0, 600_000]
    first = trend[0]
    assert (first.min, first.mean, first.max, first.n) == (60.0, 80.0, 100.0, 2)
    assert first.quality == pytest.approx(2 / 5)


def test_d11_late_records_land_where_they_belong(fresh, beat, noon):
    early, late = fresh(), fresh()
    readings = [beat(seq) for seq in range(1, 200)]
    early[0].write(readings)
    for reading in reversed(readings[::2]):
        late[0].write([reading])
    late[0].write(readings[1::2])
    for points in (1, 5, 50, 500):
        asked = "p-1", Metric.RR_INTERVAL, noon - 90_000, noon + 300_000, points
        assert late[1].trend(*asked) == early[1].trend(*asked) != []


def test_a_stamp_is_another_when_the_trend_is(fresh, beat, noon):
    store, history = fresh()
    asked = "p-1", Metric.HEART_RATE, noon, noon + 600_000, 60
    store.write([beat(1), beat(5)])
    stamps = [history.stamp(*asked)]
    if stamps == [None]:  # this store cannot tell
        return
    wrong, other = beat(3), beat(3, hr=99.0)
    for change in (
        lambda: store.write([beat(2, hr=80.0)]),  # late, between the others
        lambda: store.write([wrong]),
        lambda: store.withdraw([wrong]),
        lambda: store.write([wrong]),
        lambda: store.withdraw([wrong]),
        lambda: store.write([other]),  # as many as before, and none newer
    ):
        before = history.trend(*asked)
        change()
        assert history.trend(*asked) != before
        stamps.append(history.stamp(*asked))
    assert len(set(stamps)) == len(stamps)


def test_a_stamp_stays_while_others_change_and_what_came_comes_again(fresh, beat, noon):
    store, history = fresh()
    asked = "p-1", Metric.HEART_RATE, noon, noon + 600_000, 60
    store.write([beat(1)])
    before = history.stamp(*asked)
    store.write([beat(1), beat(2, subject="p-2")])
    assert history.stamp(*asked) == before


def test_hostile_text_cannot_reach_another_patient(fresh, beat, noon):
    store, history = fresh()
    store.write([beat(1), beat(1, subject="p-2")])
    for name in ("p-1' OR subject = 'p-2", "p\\' OR '1'='1", 'p"1', "p\n1", ""):
        assert history.latest(name) == []
        asked = name, Kind.HEART_RATE, noon, noon + 9000, None, 9
        assert history.records(*asked) == ([], None)
        assert history.trend(name, Metric.HEART_RATE, noon, noon + 9000, 9) == []


def test_a_number_too_large_to_store_is_refused_alone(fresh, beat):
    store, history = fresh()
    bad = beat(2**63)
    written = store.write([beat(1), bad, beat(2)])
    assert [r for r, _ in written.refused] == [bad]
    assert history.count() == written.new == 2


# -- entered in error ------------------------------------------------------------------


def trends(history, metric, noon):
    return [
        history.trend("p-1", metric, noon, noon + 7_200_000, points)
        for points in (2, 120, 7200)
    ]


def test_a14_intervals_of_the_hour_before_go_with_their_record(fresh, noon):
    (store, history), (_, without) = fresh(), fresh()
    beats = 832.0, 400.0, 832.0  # the last at the full hour
    beat = HeartRate(t=noon + 7_200_000, gateway="gw-1", seq=1, hr=72, rr=beats)
    store.write([Reading("p-1", "d-1", beat)])
    store.withdraw([Reading("p-1", "d-1", beat)])
    found = trends(history, Metric.RR_INTERVAL, noon)
    assert_alike(found, trends(without, Metric.RR_INTERVAL, noon))


def test_a14_what_is_withdrawn_was_never_there(fresh, any_readings, noon):
    """Records and trends are as if it had not come; a second time changes nothing."""

    # Databases by the hundred would be made to shrink a failing case.
    @settings(max_examples=8, deadline=None, phases=[Phase.generate])
    @given(any_readings, st.sets(st.integers(0, 8)))
    def holds(readings, wrong):
        readings = list(dict.fromkeys(r for r in readings if r.record.gateway))
        gone = [r for n, r in enumerate(readings) if n in wrong]
        left = [r for n, r in enumerate(readings) if n not in wrong]
        (store, history), (other, without) = fresh(), fresh()
        store.write(readings)
        other.write(left)
        for _ in range(2):
            store.withdraw(gone)
            assert history.count() == without.count()
            # InfluxDB remembers the name of a series that has no point left.
            assert {*history.subjects()} >= {*without.subjects()}
            assert sorted(map(repr, history.export())) == sorted(map(repr, left))
            assert history.latest("p-1") == without.latest("p-1")
            kept = [
                one
                for one in readings
                if one in history.withdrawn(one.subject, one.kind, one.record.t)
            ]
            assert kept == gone
            for metric in (Metric.HEART_RATE, Metric.RR_INTERVAL, Metric.SYSTOLIC):
                found = trends(history, metric, noon)
                assert_alike(found, trends(without, metric, noon))
        store.write(gone)  # it is not the store that keeps them away
        assert history.count() == len(readings)

    holds()


def assert_alike(found, expected):
    """Sums may differ in their last bits: they were added in another order."""
    for one, other in zip(found, expected, strict=True):
        assert [(p.t, p.min, p.max, p.n, p.quality) for p in one] == [
            (p.t, p.min, p.max, p.n, p.quality) for p in other
        ]
        assert [p.mean for p in one] == pytest.approx([p.mean for p in other])


def test_d15_all_of_one_person_goes_and_nothing_of_another(fresh, beat, noon):
    store, history = fresh()
    mine, theirs = (
        [beat(seq, subject=subject) for seq in range(1, 100)]
        + [Reading(subject, "cuff", BloodPressure(t=noon, sys=120.0, dia=80.0))]
        for subject in ("p-1", "p-2")
    )
    store.write(mine + theirs)
    store.withdraw([mine[0], theirs[0]])
    others = _seen_of(history, "p-2", noon)
    assert history.kept("p-1")["records"] == 99
    assert history.kept("p-1")["readings entered in error"] == 1
    assert store.erase("p-1") == ""
    assert not any(history.kept("p-1").values())
    assert _seen_of(history, "p-1", noon) == ([], [], [[]] * len(Metric))
    assert history.withdrawn("p-1", Kind.HEART_RATE, mine[0].record.t) == []
    # 1.6 lists a tag that no series has any more: the pseudonym, and nothing else.
    assert {"p-2"} <= {*history.subjects()} <= {"p-1", "p-2"}
    assert _seen_of(history, "p-2", noon) == others
    assert history.withdrawn("p-2", Kind.HEART_RATE, theirs[0].record.t) == theirs[:1]
    assert store.erase("p-1") == ""  # and again
    store.write(mine)  # whoever comes back begins anew
    assert history.kept("p-1")["records"] == 100


def _seen_of(history, subject, noon):
    """Give a person's readings, the newest, and all trends."""
    span = noon - 60_000, noon + 3_600_000, 60
    return (
        [one for one in history.export() if one.subject == subject],
        history.latest(subject),
        [history.trend(subject, metric, *span) for metric in Metric],
    )


# -- heart rate variability ------------------------------------------------------------

WIDE = 1_800_000  # ms before noon and behind it


def varied(history, noon, points=(1, 2, 14, 500)):
    return [
        history.trend("p-1", metric, noon - WIDE, noon + WIDE, n)
        for metric in variability.METRICS
        for n in points
    ]


def test_variability_is_that_of_the_records_and_a_gap_stays_one(
    fresh, heart, settle, noon
):
    store, history = fresh()
    readings = [*heart(noon - WIDE, 22), *heart(noon + 120_000, 19)]
    store.write([*readings, *heart(noon, 12, subject="p-2")])
    settle(store)
    told = list(variability.windows(variability.heard(readings), config.Store()))
    for metric in variability.METRICS:
        for points in (1, 2, 14, 500):
            asked = "p-1", metric, noon - WIDE, noon + WIDE, points
            span = window(*asked[2:], finest=300_000)
            expected = gather((s for s in told if s.metric is metric), span.width)
            found = history.trend(*asked)
            assert [p.t for p in found] == [t for (_, t), b in expected.items() if b.n]
            for p in found:
                b = expected[metric, p.t]
                assert (p.min, p.max, p.n) == (b.low, b.high, b.n)
                assert p.mean == pytest.approx(b.total / b.n)
                assert p.quality == pytest.approx(b.n / b.seen)
    fine = history.trend("p-1", Metric.SDNN, noon - WIDE, noon + WIDE, 500)
    minutes = [(p.t - noon) // 60_000 for p in fine]
    assert minutes == [-30, -25, -20, -15, 5, 10, 15]


def test_variability_of_late_and_repeated_records_lands_in_its_place(
    fresh, heart, settle, noon
):
    readings = heart(noon - WIDE, 60)
    late = [r for r in readings if 300_000 <= r.record.t - noon < 480_000]
    (at_once, expected), (store, history) = fresh(), fresh()
    at_once.write(readings)
    store.write([r for r in readings if r not in set(late)])
    settle(at_once)
    settle(store)
    assert varied(history, noon) != varied(expected, noon)  # control
    store.write(readings[::-1])
    settle(store)
    assert_alike(varied(history, noon), varied(expected, noon))


def test_variability_is_as_if_what_is_withdrawn_was_never_there(
    fresh, heart, settle, noon
):
    readings = heart(noon - WIDE, 60)
    wrong = readings[400:404]
    (store, history), (other, without) = fresh(), fresh()
    store.write(readings)
    settle(store)
    before = varied(history, noon)
    store.withdraw(wrong)
    other.write([r for r in readings if r not in wrong])
    settle(store)
    settle(other)
    assert varied(history, noon) != before
    assert_alike(varied(history, noon), varied(without, noon))


def test_a_stamp_is_another_when_variability_is(fresh, heart, settle, noon):
    store, history = fresh()
    asked = "p-1", Metric.RMSSD, noon - WIDE, noon + WIDE, 60
    store.write(heart(noon - WIDE, 60))
    if (before := history.stamp(*asked)) is not None:
        assert history.trend(*asked) == []
        settle(store)
        assert history.trend(*asked) != []
        assert history.stamp(*asked) != before

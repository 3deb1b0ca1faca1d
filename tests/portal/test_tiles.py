import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.store import Point
from portal import ages, cards, tiles
from portal.texts import Texts
from portal.wall import Wall
from vitals.model import Alert, BodyTemperature, HeartRate, Reading

TEXTS = Texts("en")
NOW = 1_795_300_000_000


def points(*means):
    return [Point(n, m, m, m, 1, 1.0) for n, m in enumerate(means)]


@pytest.mark.parametrize(
    ("means", "says"),
    [
        ((), ""),
        ((70,), ""),
        ((70, 70), "steady"),
        ((70, 90), "rising"),
        ((90, 70), "falling"),
        ((70, 71, 70, 72, 70, 73), "steady"),
    ],
)
def test_the_arrow_says_which_way_it_goes(means, says):
    assert tiles.trend(points(*means), 5) == says


@given(st.floats(-100, 1000), st.integers(0, 2))
def test_a_number_is_its_nearest(value, digits):
    assert abs(float(tiles.number(value, digits)) - value) <= 0.5001 / 10**digits + 1e-9


def test_the_newest_device_speaks_for_a_kind():
    readings = [
        Reading("p-1", "b", HeartRate(t=NOW, hr=80)),
        Reading("p-1", "a", HeartRate(t=NOW - 5, hr=70)),
        Reading("p-1", "c", BodyTemperature(t=NOW - 16 * 60_000, temp=36.65)),
    ]
    heart, warmth = tiles.tiles(readings, TEXTS, NOW)
    assert (heart.numbers[0].text, heart.stale) == ("80", False)
    assert (warmth.numbers[0].text, warmth.measure.label, warmth.stale) == (
        "36.7",
        "°C",
        True,
    )


def test_a_value_from_the_future_is_as_bad_as_an_old_one():
    for ahead, stale in ((60_000, False), (60_001, True), (10**12, True)):
        beat = Reading("p-1", "a", HeartRate(t=NOW + ahead, hr=80))
        [tile] = tiles.tiles([beat], TEXTS, NOW)
        assert tile.stale is stale
    assert "just now" not in ages.ago(TEXTS, NOW + 60_001, NOW)


def test_ages_are_said_in_words():
    spans = (0, 59_000, 60_000, 3_599_000, 3_600_000, 47 * 3_600_000, 49 * 3_600_000)
    assert [ages.ago(TEXTS, NOW - s, NOW) for s in spans] == [
        "just now",
        "just now",
        "1 min ago",
        "59 min ago",
        "1 h ago",
        "47 h ago",
        "2 days ago",
    ]
    assert ages.ago(TEXTS, NOW + 5000, NOW) == "just now"


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
evidence = st.dictionaries(
    st.one_of(st.text(), st.sampled_from(["text", "values", "hold_s", "quality", "t"])),
    st.one_of(scalars, st.lists(st.one_of(scalars, st.lists(scalars)))),
)


@given(st.text(), evidence, evidence)
def test_whatever_a_detector_says_can_be_put_into_words(condition, found, escalation):
    alert = Alert(
        id="a",
        subject="p-1",
        condition=condition,
        kind="technical",
        priority="low",
        state="shelved",
        since=NOW - 9,
        t=NOW,
        value=-1.0,
        evidence=found,
        escalation=escalation,
    )
    card = cards.card(alert, Wall(TEXTS), NOW)
    assert card.title is not None
    assert card.plain

import json

import pytest

from ingest.sqlite import SqliteStore
from ingest.sqlite_history import SqliteHistory
from portal.times import rfc3339
from portal.trends import Asked, Trends
from vitals.codes import Metric
from vitals.model import HeartRate, Reading

NOW = 1_795_300_000_000
ASKED = Asked("p-1", Metric.HEART_RATE, NOW - 3_600_000, NOW, 60)


class Counting(SqliteHistory):
    """Counts how often a trend is read."""

    read = 0

    def trend(self, *asked):
        self.read += 1
        return super().trend(*asked)


class Mute(Counting):
    """A store that cannot tell whether anything changed."""

    def stamp(self, *asked):
        return None


def beat(back_s, hr=70.0, subject="p-1"):
    return Reading(subject, "strap", HeartRate(t=NOW - back_s * 1000, hr=hr))


@pytest.fixture
def store(tmp_path):
    found = SqliteStore(tmp_path / "store.db")
    found.write([beat(60), beat(1200)])
    yield found
    found.close()


@pytest.fixture
def histories(tmp_path):
    found = [kind(tmp_path / "store.db") for kind in (Counting, Mute)]
    yield found
    for one in found:
        one.close()


def most(body):
    return max(point["max"] for point in json.loads(body)["points"])


def test_a_trend_that_has_not_changed_is_read_once(store, histories):
    trends = Trends(histories[0])
    first = trends.give(ASKED)
    store.write([beat(30, 190.0, "p-2")])  # somebody else's
    assert trends.give(ASKED) == first
    assert histories[0].read == 1


def test_a_late_record_is_in_the_very_next_answer(store, histories):
    for history in histories:
        trends = Trends(history)
        tag, _ = trends.give(ASKED)
        store.write([beat(600 + history.read, 150.0 + 10 * isinstance(history, Mute))])
        later, body = trends.give(ASKED, tag)
        assert later != tag
        assert most(body) >= 150.0


def test_who_knows_the_tag_is_sent_nothing(store, histories):
    for history in histories:
        trends = Trends(history)
        tag, body = trends.give(ASKED)
        assert trends.give(ASKED, f'W/"x", {tag}') == (tag, None)
        assert trends.give(ASKED, '"another"') == (tag, body)


def test_a_store_that_cannot_tell_is_read_every_time(store, histories):
    trends = Trends(histories[1])
    assert trends.give(ASKED) == trends.give(ASKED)
    assert histories[1].read == 2


def test_only_so_many_octets_are_kept(store, histories):
    octets = len(Trends(histories[0]).give(ASKED)[1])
    trends = Trends(histories[0], octets * 2)
    spans = [ASKED._replace(start=ASKED.start - n * 3_600_000) for n in range(3)]
    for span in (*spans, spans[2]):
        trends.give(span)
    before = histories[0].read
    trends.give(spans[0])  # the oldest was forgotten
    assert histories[0].read == before + 1
    assert trends.bodies.held <= octets * 2


def test_trends_without_a_point_do_not_heap_up(store, histories):
    trends = Trends(histories[0], points=3)
    for n in range(1, 10):
        span = ASKED._replace(start=n * 3_600_000, stop=(n + 1) * 3_600_000)
        assert trends.points(span) == []
    assert trends.drawn.held <= 3


def test_what_a_page_draws_is_read_once_and_late_records_are_in_it(store, histories):
    for history in histories:
        trends = Trends(history)
        once, again = trends.points(ASKED), trends.points(ASKED)
        assert once == again
        assert history.read == (2 if isinstance(history, Mute) else 1)
        hr = 150.0 + history.read
        store.write([beat(900 + history.read, hr)])
        assert max(point.max for point in trends.points(ASKED)) == hr


def test_who_may_not_see_a_trend_gets_none_that_is_kept_and_no_tag(place, story):
    import asyncio

    place.store.write([beat(60)])
    span = f"from={rfc3339(NOW - 3_600_000)}&to={rfc3339(NOW)}"
    url = f"/api/v1/patients/p-1/trends/heart_rate?{span}"

    async def scene():
        async with place.client("wang") as own, place.client("li") as other:
            answer = await own.get(url)
            assert answer.status_code == 200
            tag = {"If-None-Match": answer.headers["etag"]}
            refused = await other.get(url, headers=tag)
            assert refused.status_code == 404
            assert "etag" not in refused.headers

    asyncio.run(scene())

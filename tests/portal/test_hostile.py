"""Whatever is sent: a clear refusal, never a 5xx, nothing else lost."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.trends import Trends

GETS = [
    "trends/heart_rate?points=0",
    "trends/heart_rate?points=1000000000000",
    "trends/heart_rate?points=x",
    "trends/heart_rate?from=yesterday",
    "trends/heart_rate?from=2026-11-21T07:30:00",
    "trends/heart_rate?from=2026-11-21T07:30:00Z&to=2026-11-21T07:30:00Z",
    "trends/heart_rate?from=9999-12-31T23:59:59Z",
    "trends/heart_rate?from=0000-00-00T00:00:00Z",
    "trends/heart_rate?to=1970-01-01T00:00:00Z",
    "trends/heart_rate?to=%00",
    "trends/heart_rate?to=",
    "records",
    "records?kind=mood",
    "records?kind=heart_rate&limit=1001",
    "records?kind=heart_rate&limit=-1",
    "records?kind=heart_rate&cursor=x",
    "records?kind=heart_rate&cursor=" + "9" * 400,
    "records?kind=heart_rate&cursor=1.2.3",
    "records?kind=heart_rate&cursor=%F0%9F%92%A5",
    "records?kind=heart_rate&cursor=" + "x" * 2000,
    "records.csv",
    "records.csv?kind=heart_rate&from=x",
]


@pytest.mark.parametrize("path", GETS)
def test_a_bad_question_is_a_422(place, path):
    async def main():
        async with place.client("dr.chen") as client:
            answer = await client.get(f"/api/v1/patients/p-1/{path}")
            assert answer.status_code == 422, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert len(answer.json()["detail"]) < 500

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/api/v1/patients/p-1/trends/mood", 404),
        ("GET", "/api/v1/patients/P-1", 422),
        ("GET", "/api/v1/patients/" + "p" * 65, 422),
        ("GET", "/api/v1/patients/%2e%2e%2fetc", 404),
        ("GET", "/static/..%2fpeople.py", 404),
        ("GET", "/api/v1/alerts?state=half", 422),
        ("GET", "/api/v1/alerts?cursor=x", 422),
        ("GET", "/api/v1/alerts?cursor=1", 422),
        ("GET", "/api/v1/alerts?subject=p-2", 404),
        ("GET", "/api/v1/alerts/" + "a" * 300, 422),
        ("DELETE", "/api/v1/patients", 405),
        ("PUT", "/api/v1/alerts/e1/acknowledge", 405),
        ("POST", "/api/v1/token", 422),
        ("TRACE", "/api/v1/patients", 405),
    ],
)
def test_a_question_to_the_wrong_door_is_a_problem(place, method, path, status):
    async def main():
        async with place.client("dr.chen") as client:
            answer = await client.request(method, path)
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status

    asyncio.run(main())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"\xff",
        b"null",
        b'{"minutes": "15"}',
        b'{"minutes": 0}',
        b'{"minutes": 1e400}',
        b'{"minutes": 15, "more": 1}',
        b"[" * 5000,
    ],
)
def test_a_bad_decision_decides_nothing(place, body):
    async def main():
        async with place.open(), place.client("dr.chen") as client:
            await place.raise_alert()
            headers = {"Content-Type": "application/json"}
            url = "/api/v1/alerts/e1/snooze"
            answer = await client.post(url, content=body, headers=headers)
            assert answer.status_code in (400, 422)
            assert answer.headers["content-type"] == "application/problem+json"
            assert place.board.alert("e1").state == "unacknowledged"

    asyncio.run(main())


def test_a_body_over_64_kib_is_refused_even_when_it_does_not_say_so(place):
    async def pieces():
        for _ in range(70):
            yield b" " * 1024

    async def main():
        async with place.client("dr.chen") as client:
            url = "/api/v1/patients/p-1/limits"
            headers = {"Content-Type": "application/json"}
            for content in (b" " * 65_537, pieces()):
                answer = await client.put(url, content=content, headers=headers)
                assert answer.status_code == 413
                assert answer.headers["content-type"] == "application/problem+json"
            fits = await client.put(url, content=b" " * 65_536, headers=headers)
            assert fits.status_code == 422

    asyncio.run(main())


def test_another_site_cannot_use_the_cookie(place):
    async def main():
        cookie = {"vitals_session": place.people.issue_token("dr.chen")}
        async with place.open(), place.client(cookies=cookie) as client:
            await place.raise_alert()
            url = "/api/v1/alerts/e1/acknowledge"
            for forged in (
                {},
                {"Origin": "http://evil.example"},
                {"Origin": "null"},
                {"Sec-Fetch-Site": "cross-site", "Origin": "http://portal"},
                {"Sec-Fetch-Site": "same-site"},
            ):
                for target in (url, "/alerts/e1/acknowledge", "/logout", "/login"):
                    assert (
                        await client.post(target, headers=forged)
                    ).status_code == 403
            assert place.board.alert("e1").state == "unacknowledged"
            basic = {"Authorization": "Basic d2FuZzp4", "Origin": "http://evil"}
            assert (await client.post(url, headers=basic)).status_code == 403
            for token in ("", "x"):  # a bearer's request has no cookie
                bearer = {"Authorization": f"Bearer {token}", "Origin": "http://evil"}
                assert (await client.post(url, headers=bearer)).status_code == 401
            assert place.board.alert("e1").state == "unacknowledged"
            ours = {"Origin": "http://portal"}
            assert (await client.post(url, headers=ours)).status_code == 200

    asyncio.run(main())


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.sampled_from(["records", "trends/heart_rate", "records.csv", "limits", ""]),
    query=st.dictionaries(
        st.sampled_from(["from", "to", "points", "kind", "cursor", "limit"]),
        st.one_of(
            st.text(max_size=20),
            st.integers().map(str),
            st.sampled_from(["heart_rate", "2026-11-21T07:30:00Z", "1.1", "0.0"]),
        ),
    ),
)
def test_nothing_that_is_asked_breaks_the_portal(place, path, query):
    async def main():
        async with place.client("dr.chen") as client:
            url = f"/api/v1/patients/p-1/{path}".rstrip("/")
            answer = await client.get(url, params=query)
            assert answer.status_code < 500, (path, query, answer.text)

    asyncio.run(main())


def test_a_store_that_is_away_is_a_503_and_says_nothing_else(place):
    from vitals.errors import Unavailable

    class Away:
        def __getattr__(self, name):
            def away(*_):
                raise Unavailable("secret.db: disk I/O error")

            return away

    async def main():
        place.house.history = Away()
        place.house.trends = Trends(Away())
        async with place.client("dr.chen") as client:
            for path in ("", "/trends/heart_rate", "/records?kind=heart_rate"):
                answer = await client.get(f"/api/v1/patients/p-1{path}")
                assert answer.status_code == 503
                assert "secret" not in answer.text
                assert answer.headers["content-type"] == "application/problem+json"

    asyncio.run(main())


def test_a_bug_is_a_500_problem_without_its_innards(place):
    async def main():
        place.house.trends = Trends(None)
        async with place.client("dr.chen") as client:
            answer = await client.get("/api/v1/patients/p-1/trends/heart_rate")
            assert answer.status_code == 500
            assert "NoneType" not in answer.text
            assert answer.headers["content-type"] == "application/problem+json"

    asyncio.run(main())

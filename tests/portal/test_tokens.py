"""Sessions: short access tokens, refresh tokens that are used once, and forgeries."""

import asyncio
import base64
import hashlib
import hmac
import json

import pytest

from portal.tokens import REFRESH_S, TOKEN_S

WORD = "correct horse battery"


def test_a_refresh_token_gives_the_next_pair_once(place):
    tokens = place.people.tokens
    first = tokens.open("wang")
    assert tokens.person_of(first.refresh) is None  # it opens nothing itself
    place.clock.now += int(TOKEN_S * 1000) + 1
    assert tokens.person_of(first.access) is None
    second = tokens.refresh(first.refresh)
    assert tokens.person_of(second.access).name == "wang"
    assert tokens.refresh(second.access) is None
    assert len(tokens.sessions("wang")) == 1


def test_a_refresh_token_that_comes_twice_ends_its_whole_session_and_no_other(place):
    tokens = place.people.tokens
    other = tokens.open("wang")
    first = tokens.open("wang")
    second = tokens.refresh(first.refresh)
    third = tokens.refresh(second.refresh)
    assert tokens.refresh(first.refresh) is None
    assert tokens.person_of(third.access) is None
    assert tokens.refresh(third.refresh) is None
    assert tokens.person_of(other.access).name == "wang"


def test_a_session_that_is_not_refreshed_ends_after_two_weeks(place):
    tokens = place.people.tokens
    opened = tokens.open("wang")
    place.clock.now += int(REFRESH_S * 1000)
    assert tokens.refresh(opened.refresh) is None
    assert list(tokens.sessions("wang")) == []


def test_a_program_refreshes_lists_and_ends_its_sessions(place):
    async def main():
        async with place.client() as client:
            form = {"username": "wang", "password": WORD}
            agent = {"User-Agent": "ward-display/2"}
            opened = await client.post("/api/v1/token", data=form, headers=agent)
            refresh = {
                "grant_type": "refresh_token",
                "refresh_token": opened.json()["refresh_token"],
            }
            again = await client.post("/api/v1/token", data=refresh)
            assert again.status_code == 200
            client.headers["Authorization"] = f"Bearer {again.json()['access_token']}"
            [here] = (await client.get("/api/v1/sessions")).json()["items"]
            assert (here["current"], here["agent"]) == (True, "ward-display/2")
            spent = await client.post("/api/v1/token", data=refresh)
            assert spent.status_code == 401
            assert (await client.get("/api/v1/sessions")).status_code == 401
        for wrong in ({"grant_type": "refresh_token"}, {"grant_type": "implicit"}):
            async with place.client() as client:
                answer = await client.post("/api/v1/token", data=wrong)
                assert answer.status_code == 422

    asyncio.run(main())


def jwt(header, payload, key=b""):
    def part(noun):
        return base64.urlsafe_b64encode(json.dumps(noun).encode()).rstrip(b"=")

    text = part(header) + b"." + part(payload)
    mark = hmac.new(key, text, hashlib.sha256).digest() if key else b""
    return (text + b"." + base64.urlsafe_b64encode(mark).rstrip(b"=")).decode()


CLAIMS = {"sub": "dr.chen", "role": "admin", "exp": 4_102_444_800}


def forgeries(place):
    """Give twelve tokens that a thief would try, from a good one and from nothing."""
    tokens = place.people.tokens
    good = tokens.issue("dr.chen")
    with place.people._database.reading() as db:
        kept = db.execute("SELECT hash FROM tokens").fetchone()[0]
        session = db.execute("SELECT id FROM sessions").fetchone()[0]
    expired = tokens.issue("dr.chen", 1)
    revoked = tokens.issue("dr.chen")
    tokens.revoke(revoked)
    place.clock.now += 2000
    last = "A" if good[-1] != "A" else "B"
    return {
        "one letter changed": good[:-1] + last,
        "cut short": good[:-1],
        "made longer": good + "A",
        "other case": good.swapcase(),
        "expired": expired,
        "revoked": revoked,
        "a refresh token": tokens.open("dr.chen").refresh,
        "what the file keeps": kept.hex(),
        "the session's id": session,
        "a JWT without a signature": jwt({"alg": "none"}, CLAIMS),
        "a JWT signed with a guess": jwt({"alg": "HS256"}, CLAIMS, b"secret"),
        "SQL": "' OR 1=1 --",
    }


FORGERIES = (
    "one letter changed", "cut short", "made longer", "other case", "expired",
    "revoked", "a refresh token", "what the file keeps", "the session's id",
    "a JWT without a signature", "a JWT signed with a guess", "SQL",
)  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_is_refused_at_the_api_and_at_the_pages(place, forgery):
    async def main():
        forged = forgeries(place)
        assert set(forged) == set(FORGERIES)
        token = forged[forgery]
        async with place.client("dr.chen") as client:  # a good one is let in
            assert (await client.get("/api/v1/patients")).status_code == 200
        async with place.client() as client:
            client.headers["Authorization"] = f"Bearer {token}"
            for path in ("/api/v1/patients", "/api/v1/people", "/api/v1/events"):
                assert (await client.get(path)).status_code == 401
            del client.headers["Authorization"]
            cookie = {"Cookie": f'vitals_session="{token}"', "Accept": "text/html"}
            assert (await client.get("/", headers=cookie)).status_code == 303

    asyncio.run(main())


def test_one_ends_ones_own_sessions_and_nobody_elses(place):
    tokens = place.people.tokens
    mine, theirs = tokens.issue("wang"), tokens.issue("li")
    [session] = tokens.sessions("wang", mine)
    assert session.current
    assert not tokens.end("li", session.id)
    assert tokens.person_of(mine)
    assert tokens.end("wang", session.id)
    assert tokens.person_of(mine) is None
    assert tokens.person_of(theirs)

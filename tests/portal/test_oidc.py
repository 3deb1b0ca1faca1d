"""Logging in at a hospital's provider: a real one of ten routes, and false ones."""

import asyncio
import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from portal.oidc import Provider
from vitals import config
from vitals.errors import ConfigError

HTML = {"Accept": "text/html", "Origin": "http://portal"}
SECRET = "the client's secret"


class Hospital:
    """An OpenID Connect provider; `claims` and `sign` are what a test falsifies."""

    def __init__(self):
        self.key = RSAKey.generate_key(2048, {"kid": "k1"})
        self.asked, self.now = {}, 1_795_300_000
        self.claims, self.sign = {}, self.signed

    def signed(self, claims):
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)

    def answer(self, path, query, form):
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
            }
        if path == "/jwks":
            return {"keys": [self.key.as_dict(private=False)]}
        return self.token(form)

    def token(self, form):
        asked = self.asked.pop(form["code"])
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert challenge == asked["code_challenge"]
        assert form["client_secret"] == SECRET
        assert form["redirect_uri"] == asked["redirect_uri"]
        claims = {
            "iss": self.issuer,
            "aud": "vitals",
            "sub": "1234",
            "iat": self.now,
            "exp": self.now + 300,
            "nonce": asked["nonce"],
            "preferred_username": "dr.house",
            "groups": ["staff", "doctors"],
        }
        said = {k: v for k, v in (claims | self.claims).items() if v is not None}
        return {"access_token": "x", "id_token": self.sign(said)}

    def log_in(self, address):
        """Do what the person does there; give the address they are sent back to."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256"
        self.asked["c1"] = asked
        return f"/oidc/back?code=c1&state={asked['state']}"


@contextmanager
def serving(hospital):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            size = int(self.headers.get("Content-Length", 0))
            form = parse_qs(self.rfile.read(size).decode())
            flat = {k: v[0] for k, v in form.items()}
            found = hospital.answer(urlsplit(self.path).path, {}, flat)
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hospital.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hospital
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def real():
    with serving(Hospital()) as found:
        yield found


@pytest.fixture
def hospital(real, place, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    real.claims, real.sign, real.now = {}, real.signed, place.clock() // 1000
    settings = config.Oidc(
        issuer=real.issuer,
        client_id="vitals",
        secret_file=str(tmp_path / "secret"),
        roles={"doctors": "doctor", "nurses": "nurse"},
    )
    place.house.provider = Provider(settings, place.clock)
    return real


async def visit(place, hospital, change=lambda path: path):
    """Log in at the provider; give the status and the client afterwards."""
    async with place.client() as client:
        client.headers.update(HTML)
        assert "Hospital log-in" in (await client.get("/login")).text
        away = await client.get("/oidc/start")
        back = await client.get(change(hospital.log_in(away.headers["location"])))
        front = await client.get("/")
        return back.status_code, front.status_code


def test_a_doctor_of_the_hospital_comes_in_and_sees_nobody_yet(place, hospital):
    assert asyncio.run(visit(place, hospital)) == (303, 200)
    doctor = place.people.accounts.find("dr.house")
    assert (doctor.role, doctor.subjects) == ("doctor", frozenset())
    place.people.assign("dr.house", ["p-1"])
    assert asyncio.run(visit(place, hospital)) == (303, 200)
    assert place.people.accounts.find("dr.house").subjects == {"p-1"}
    assert place.people.authenticate("dr.house", "!") is None  # no password fits


def test_a_role_is_the_one_of_today(place, hospital):
    asyncio.run(visit(place, hospital))
    hospital.claims = {"groups": "nurses"}
    asyncio.run(visit(place, hospital))
    assert place.people.accounts.find("dr.house").role == "nurse"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
        {"groups": ["visitors"]},
        {"groups": None},
        {"preferred_username": None},
        {"preferred_username": "dr.chen"},  # has an account of another kind
        {"preferred_username": "a b"},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_lets_nobody_in(place, hospital, claims):
    hospital.claims = claims
    assert asyncio.run(visit(place, hospital)) == (403, 303)
    assert place.people.accounts.find("dr.house") is None


def plain(noun):
    return base64.urlsafe_b64encode(json.dumps(noun).encode()).rstrip(b"=").decode()


def signatures(hospital):
    public = hospital.key.as_pem(private=False)
    other = RSAKey.generate_key(2048)
    return {
        "none": lambda c: f"{plain({'alg': 'none'})}.{plain(c)}.",
        "another key": lambda c: jwt.encode({"alg": "RS256", "kid": "k1"}, c, other),
        "the public key as a secret": lambda c: jwt.encode(
            {"alg": "HS256", "kid": "k1"}, c, OctKey.import_key(public.hex())
        ),
        "its own key in the header": lambda c: jwt.encode(
            {"alg": "RS256", "jwk": other.as_dict(private=False)}, c, other
        ),
        "cut": lambda c: hospital.signed(c)[:-8],
        "nothing": lambda c: "",
    }


@pytest.mark.parametrize(
    "kind",
    ["none", "another key", "the public key as a secret", "its own key in the header",
     "cut", "nothing"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning")  # joserfc's, of our false key
def test_a_token_that_is_not_the_providers_lets_nobody_in(place, hospital, kind):
    hospital.sign = signatures(hospital)[kind]
    assert asyncio.run(visit(place, hospital)) == (403, 303)


def test_who_did_not_leave_cannot_come_back(place, hospital):
    assert asyncio.run(visit(place, hospital, lambda path: path[:-1] + "_")) == (
        403,
        303,
    )

    async def another_browser():
        async with place.client() as client, place.client() as thief:
            away = await client.get("/oidc/start", headers=HTML)
            path = hospital.log_in(away.headers["location"])
            assert (await thief.get(path, headers=HTML)).status_code == 403
            assert (await client.get(path, headers=HTML)).status_code == 303
            assert (await client.get(path, headers=HTML)).status_code == 403  # once

    asyncio.run(another_browser())


def test_a_provider_that_is_away_is_a_503_and_without_one_there_is_no_page(place):
    async def main():
        async with place.client() as client:
            assert (await client.get("/oidc/start")).status_code == 404
            assert "oidc" not in (await client.get("/login", headers=HTML)).text
            away = config.Oidc(issuer="http://127.0.0.1:1", client_id="vitals")
            place.house.provider = Provider(away, place.clock)
            assert (await client.get("/oidc/start")).status_code == 503
            plain = config.Oidc(issuer="http://login.example", client_id="vitals")
            place.house.provider = Provider(plain, place.clock)
            assert (await client.get("/oidc/start")).status_code >= 500

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('issuer = "http://login.example"', "must begin with https"),
        ('issuer = "https://login.example"', "needs a client_id"),
        ('roles = { x = "patient" }', "portal.oidc.roles"),
    ],
)
def test_a_provider_that_cannot_be_is_one_clear_line(text, says):
    with pytest.raises(ConfigError, match=says):
        config.parse(f"[portal.oidc]\n{text}")

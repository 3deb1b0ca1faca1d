"""Logging in at a hospital's own provider: OpenID Connect, code flow with PKCE.

The provider's word counts only as an ID token with its own signature, one of two
algorithms, our client's name in it, and the nonce that this browser was sent with.
All methods that ask the provider block; the pages call them in a thread.
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from vitals.clock import Clock
from vitals.config import Oidc, secret
from vitals.errors import ConfigError, MalformedData, Unavailable

ALGORITHMS = ["RS256", "ES256"]
TIMEOUT_S = 5.0
LARGEST = 1 << 20  # octets of an answer
PATIENCE_MS = 600_000  # to log in there
WAITING = 1000  # browsers that are away at the provider
LEEWAY_S = 60  # between the two clocks


@dataclass(frozen=True, slots=True)
class Trip:
    """A browser that is away at the provider."""

    nonce: str
    verifier: str
    where: str  # to go on to afterwards
    t: int  # ms, when it left


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is."""

    issuer: str
    sub: str
    name: str
    role: str


class Provider:
    """One provider, and the browsers that are away at it."""

    def __init__(self, settings: Oidc, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._trips: OrderedDict[str, Trip] = OrderedDict()
        self._known: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """What the button says."""
        return self._settings.label

    def leave(self, back: str, where: str) -> tuple[str, str]:
        """Give the state of a new trip, and the provider's address for it.

        Parameters
        ----------
        back
            Our own address that the provider sends the browser to.
        where
            Where it wants to go afterwards.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self._trips[state] = Trip(nonce, verifier, where, self._clock())
        while len(self._trips) > WAITING:
            self._trips.popitem(last=False)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": back,
            "scope": self._settings.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        address = self._discovered()["authorization_endpoint"]
        joint = "&" if urlsplit(address).query else "?"
        return state, f"{address}{joint}{urlencode(query)}"

    def arrive(self, state: str, code: str, back: str) -> tuple[Identity, str]:
        """Give who has come back, and where they want to go.

        Raises
        ------
        MalformedData
            The provider's word is not what it must be, or nobody left like this.
        Unavailable
            It cannot be asked.
        """
        trip = self._trips.pop(state, None)
        if trip is None or self._clock() - trip.t > PATIENCE_MS:
            raise MalformedData("nobody has left for the provider like this")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": self._settings.client_id,
            "client_secret": secret(self._settings.secret_file),
            "code_verifier": trip.verifier,
        }
        answer = self._ask(self._discovered()["token_endpoint"], form)
        claims = self._claims(str(answer.get("id_token", "")), trip.nonce)
        return self._identity(claims), trip.where

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        """Give the claims of an ID token that is genuine, ours and of this trip."""
        try:
            found: Any = self._ask(self._discovered()["jwks_uri"])
            keys = KeySet.import_key_set(found)
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            now = self._clock() // 1000
            jwt.JWTClaimsRegistry(
                now=now,
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self._settings.issuer},
                aud={"essential": True, "value": self._settings.client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError, KeyError) as error:
            raise MalformedData(f"the provider's token: {error}") from error
        return dict(claims)

    def _identity(self, claims: dict[str, Any]) -> Identity:
        """Give a name and a role by the configuration's map; no role, no entry."""
        said = claims.get(self._settings.role_claim, ())
        groups = {said} if isinstance(said, str) else set(map(str, said))
        roles = [
            role for group, role in self._settings.roles.items() if group in groups
        ]
        name = claims.get(self._settings.name_claim)
        if not roles or not isinstance(name, str):
            raise MalformedData("the provider gives this person no role here")
        return Identity(self._settings.issuer, str(claims["sub"]), name, roles[0])

    def _discovered(self) -> dict[str, Any]:
        """Give what the provider says of itself; asked once."""
        if not self._known:
            path = "/.well-known/openid-configuration"
            found = self._ask(self._settings.issuer.rstrip("/") + path)
            if found.get("issuer") != self._settings.issuer:
                raise ConfigError("portal.oidc.issuer: the provider calls itself else")
            self._known = found
        return self._known

    def _ask(self, address: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask the provider; only by https, or on this machine."""
        where = urlsplit(address)
        here = where.hostname in ("127.0.0.1", "::1", "localhost")
        if where.scheme != "https" and not (where.scheme == "http" and here):
            raise ConfigError(f"portal.oidc: {where.scheme} is not safe; use https")
        body = urlencode(form).encode() if form else None
        request = Request(address, body, {"Accept": "application/json"})
        try:
            with urlopen(request, timeout=TIMEOUT_S) as answer:
                found = json.loads(answer.read(LARGEST))
        except (OSError, HTTPException, ValueError) as error:
            raise Unavailable(f"the provider does not answer: {error}") from error
        if not isinstance(found, dict):
            raise Unavailable("the provider does not answer with an object")
        return found

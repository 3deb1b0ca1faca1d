"""Passwords: argon2 hashes, and pauses that grow while somebody guesses."""

from collections import OrderedDict

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from vitals.errors import ConfigError
from vitals.model import Instant

SHORTEST, LONGEST = 10, 256
FREE = 5  # failures with a name before the first pause
FREE_HERE = 20  # failures from one address, with whatever names
LONGEST_PAUSE = 300.0  # s
LONGEST_HERE = 30.0  # s; a whole ward may share one address
FORGOTTEN_S = 900.0  # after a pause: the failures before it count no more
REMEMBERED = 10_000  # names or addresses

_ARGON2 = PasswordHash((Argon2Hasher(),))
_NOBODY = _ARGON2.hash("nobody has this password")


def hashed(password: str) -> str:
    """Give the argon2id hash of a new password.

    Raises
    ------
    ConfigError
        It is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        span = f"{SHORTEST} to {LONGEST} characters"
        raise ConfigError(f"a password needs {span}, this one has {len(password)}")
    return _ARGON2.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Check a password; an unknown user (`None`) takes as long as a known one."""
    good = _ARGON2.verify(password[:LONGEST], stored or _NOBODY)
    return good and stored is not None


class BackOff:
    """How long the next attempt with a key must wait; unknown keys wait alike."""

    def __init__(self, free: int = FREE, longest_s: float = LONGEST_PAUSE) -> None:
        self._free, self._longest = free, longest_s
        self._failures: OrderedDict[str, tuple[int, Instant]] = OrderedDict()

    def pause_s(self, key: str, now: Instant) -> float:
        """Give the seconds until this key may try again; 0 = now."""
        _, until = self._failures.get(key, (0, now))
        return max(0.0, (until - now) / 1000)

    def attempt(self, key: str, now: Instant, free: int | None = None) -> None:
        """Count an attempt as a failure until `forgive` or `undo` says otherwise."""
        count, until = self._failures.pop(key, (0, now))
        count = 1 if now - until > FORGOTTEN_S * 1000 else count + 1
        beyond = count - (self._free if free is None else free)
        pause = 0.0 if beyond < 0 else min(2.0 ** min(beyond, 20), self._longest)
        self._failures[key] = count, Instant(now + int(pause * 1000))
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def undo(self, key: str, now: Instant) -> None:
        """Take one attempt back: it was none of a stranger."""
        count, _ = self._failures.pop(key, (1, now))
        if count > 1:
            self._failures[key] = count - 1, now

    def forgive(self, key: str) -> None:
        """Forget the failures of somebody who knew the password."""
        self._failures.pop(key, None)


class Guard:
    """Three budgets of failures: of a name, of a name here, and of an address.

    Only the last two make anybody wait, and both are of one address: who guesses
    elsewhere can keep nobody out.  While a name is guessed at, from wherever, each
    address has one wrong guess at it before it must wait.
    """

    def __init__(self) -> None:
        self._names, self._pairs = BackOff(), BackOff()
        self._addresses = BackOff(FREE_HERE, LONGEST_HERE)

    def pause_s(self, name: str, address: str, now: Instant) -> float:
        """Give the seconds until this name may try again from this address."""
        pair = self._pairs.pause_s(_pair(name, address), now)
        return max(pair, self._addresses.pause_s(address, now))

    def attempt(self, name: str, address: str, now: Instant) -> None:
        """Count an attempt as a failure until `forgive` says otherwise."""
        guessed = self._names.pause_s(name, now) > 0
        self._names.attempt(name, now)
        self._pairs.attempt(_pair(name, address), now, 1 if guessed else None)
        self._addresses.attempt(address, now)

    def forgive(self, name: str, address: str, now: Instant) -> None:
        """Forget the failures of somebody who knew the password; others' stay."""
        self._pairs.forgive(_pair(name, address))
        self._names.undo(name, now)
        self._addresses.undo(address, now)


def _pair(name: str, address: str) -> str:
    """Give the key of a name at an address."""
    return f"{address} {name}"

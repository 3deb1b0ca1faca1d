"""Passwords: argon2 hashes, and a pause that grows while somebody guesses."""

from collections import OrderedDict

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from vitals.errors import ConfigError
from vitals.model import Instant

SHORTEST, LONGEST = 10, 256
FREE = 5  # failures before the first pause
LONGEST_PAUSE = 300.0  # s
REMEMBERED = 10_000  # names

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
    """How long the next attempt with a name must wait; unknown names wait alike."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, Instant]] = OrderedDict()

    def pause_s(self, name: str, now: Instant) -> float:
        """Give the seconds until this name may try again; 0 = now."""
        _, until = self._failures.get(name, (0, now))
        return max(0.0, (until - now) / 1000)

    def attempt(self, name: str, now: Instant) -> None:
        """Count an attempt as a failure until `forgive` says otherwise."""
        count = self._failures.pop(name, (0, now))[0] + 1
        pause = (
            0.0 if count < FREE else min(2.0 ** min(count - FREE, 20), LONGEST_PAUSE)
        )
        self._failures[name] = count, Instant(now + int(pause * 1000))
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def forgive(self, name: str) -> None:
        """Forget the failures of somebody who knew the password."""
        self._failures.pop(name, None)

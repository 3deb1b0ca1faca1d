"""Who is behind a private address.

A wearable that hides advertises under addresses that change.  Who has its Identity
Resolving Key can tell that one of them is its own (Core 5.3 vol 6 part B 1.3.2.3), and
which identity address it stands for.  AES is here because nothing else that a gateway
on BlueZ needs has it; it protects no secret, it recognises.
"""

from collections.abc import Iterable, Mapping
from itertools import chain

RESOLVABLE = 0b01  # the two highest bits of such an address
REMEMBERED = 1000  # addresses; everybody's telephone changes its own all the time

Octets = list[int]


class Identities:
    """The identity addresses whose keys we have."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Take Identity Resolving Keys, least octet first, by identity."""
        self._schedules = {
            identity: _expand(key[::-1]) for identity, key in keys.items()
        }
        self._known: dict[str, str] = {}

    def of(self, address: str) -> str:
        """Give the identity address behind an address, or the address itself."""
        if not self._schedules or not resolvable(address):
            return address
        if address not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[address] = self._resolve(address)
        return self._known[address]

    def _resolve(self, address: str) -> str:
        octets = bytes.fromhex(address.replace(":", ""))
        prand, told = octets[:3], octets[3:]
        for identity, schedule in self._schedules.items():
            if _encrypt(schedule, bytes(13) + prand)[-3:] == told:
                return identity
        return address


def resolvable(address: str) -> bool:
    """Tell whether an address may be a resolvable private one.

    >>> resolvable("70:81:94:0D:FB:AA"), resolvable("C0:00:00:00:00:01")
    (True, False)
    """
    return int(address[:2], 16) >> 6 == RESOLVABLE


def keys_of(irks: Mapping[str, str]) -> dict[str, bytes]:
    """Read keys as BlueZ and most programs write them; "" is none."""
    return {address.upper(): bytes.fromhex(irk) for address, irk in irks.items() if irk}


# AES-128 (FIPS 197).


def _double(octet: int) -> int:
    """Multiply by x in GF(2^8)."""
    return (octet << 1 ^ (0x11B if octet & 0x80 else 0)) & 0xFF


def _substitutions() -> Octets:
    """Make the S-box: the inverse in GF(2^8), then an affine map."""
    powers = [1]  # of the generator x + 1
    for _ in range(254):
        powers.append(powers[-1] ^ _double(powers[-1]))
    box = [0x63] * 256
    for n, octet in enumerate(powers):
        inverse = powers[-n % 255]
        spread = inverse * 0x101
        turned = (spread >> 4) ^ (spread >> 5) ^ (spread >> 6) ^ (spread >> 7)
        box[octet] = (inverse ^ turned ^ 0x63) & 0xFF
    return box


_BOX = _substitutions()


def _expand(key: bytes) -> list[Octets]:
    """Give the keys of the eleven rounds."""
    words = [list(key[n : n + 4]) for n in range(0, 16, 4)]
    constant = 1
    for n in range(4, 44):
        last = words[-1]
        if n % 4 == 0:
            last = [_BOX[octet] for octet in last[1:] + last[:1]]
            last[0] ^= constant
            constant = _double(constant)
        words.append([a ^ b for a, b in zip(words[n - 4], last, strict=True)])
    return [_joined(words[n : n + 4]) for n in range(0, 44, 4)]


def _encrypt(schedule: list[Octets], block: bytes) -> bytes:
    """Encrypt one block; its octets are the state's columns, one after the other."""
    state = _add(list(block), schedule[0])
    for number, key in enumerate(schedule[1:], 1):
        state = [_BOX[state[(n + 4 * (n % 4)) % 16]] for n in range(16)]
        if number < 10:
            state = _joined(_mix(state[n : n + 4]) for n in range(0, 16, 4))
        state = _add(state, key)
    return bytes(state)


def _mix(column: Octets) -> Octets:
    """Multiply a column by 3x^3 + x^2 + x + 2."""
    whole = column[0] ^ column[1] ^ column[2] ^ column[3]
    pairs = zip(column, column[1:] + column[:1], strict=True)
    return [a ^ whole ^ _double(a ^ b) for a, b in pairs]


def _joined(columns: Iterable[Octets]) -> Octets:
    return list(chain.from_iterable(columns))


def _add(state: Octets, key: Octets) -> Octets:
    return [a ^ b for a, b in zip(state, key, strict=True)]

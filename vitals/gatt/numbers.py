"""IEEE 11073-20601 decimal numbers: SFLOAT (16 bits) and FLOAT (32 bits).

Both hold `mantissa * 10**exponent`: SFLOAT a 4-bit exponent and a 12-bit mantissa,
FLOAT 8 and 24 bits, two's complement, the exponent in the upper bits.  Five patterns
*with exponent 0* are no numbers.  The same mantissas with another exponent are numbers:
F7FF is 204.7, a reading a cuff can have; 07FF is NaN and never 2047 mmHg.
"""

from enum import Enum
from math import inf
from struct import Struct, error

import msgspec

from vitals.errors import MalformedData


class Special(Enum):
    """What a device says when it has no number."""

    NAN = "not a number"
    NRES = "not at this resolution"
    POSITIVE_INFINITY = "positive infinity"
    NEGATIVE_INFINITY = "negative infinity"
    RESERVED = "reserved for future use"


Number = float | Special


class _Format(msgspec.Struct, frozen=True):
    name: str
    struct: Struct  # one signed integer
    bits: int  # of the mantissa
    exponents: range
    specials: dict[int, Special]  # by the whole pattern

    def mantissas(self, exponent: int) -> tuple[int, int]:
        """Give the smallest and the largest that are numbers."""
        half = 1 << (self.bits - 1)
        return (3 - half, half - 3) if exponent == 0 else (-half, half - 1)


def _specials(bits: int) -> dict[int, Special]:
    half = 1 << (bits - 1)
    return {
        half - 1: Special.NAN,
        half: Special.NRES,
        half - 2: Special.POSITIVE_INFINITY,
        half + 2: Special.NEGATIVE_INFINITY,
        half + 1: Special.RESERVED,
    }


_SFLOAT = _Format("SFLOAT", Struct("<h"), 12, range(-8, 8), _specials(12))
_FLOAT = _Format("FLOAT", Struct("<i"), 24, range(-128, 128), _specials(24))
_TENS: tuple[int, ...] = tuple(10**n for n in range(129))


def parse_sfloat(data: bytes, offset: int = 0) -> Number:
    """Read the SFLOAT at `offset`; the float nearest to its decimal value.

    >>> parse_sfloat(bytes.fromhex("6ef1"))
    36.6
    >>> parse_sfloat(bytes.fromhex("ff07"))
    <Special.NAN: 'not a number'>
    """
    return _parse(_SFLOAT, data, offset)


def parse_float(data: bytes, offset: int = 0) -> Number:
    """Read the FLOAT at `offset`; the float nearest to its decimal value.

    >>> parse_float(bytes.fromhex("6e0100ff"))
    36.6
    """
    return _parse(_FLOAT, data, offset)


def build_sfloat(value: Number, exponent: int = 0) -> bytes:
    """Write an SFLOAT: exactly if any exponent can, else the nearest there is.

    Parameters
    ----------
    value : float or Special
        Round it first, if digits that are only noise should not be sent.
    exponent : int
        The preferred one, -8 to 7; among exact ones, that next to it is taken.

    Raises
    ------
    ValueError
        Not finite (say it with a `Special`), or beyond the largest numbers,
        -2048e7 and 2047e7.
    """
    return _build(_SFLOAT, value, exponent)


def build_float(value: Number, exponent: int = -1) -> bytes:
    """Write a FLOAT, by the rules of `build_sfloat`; exponents are -128 to 127.

    >>> build_float(36.6).hex()
    '6e0100ff'
    """
    return _build(_FLOAT, value, exponent)


def _parse(form: _Format, data: bytes, offset: int) -> Number:
    try:
        (raw,) = form.struct.unpack_from(data, offset)
    except error as short:
        raise MalformedData(f"{form.name} at {offset} of {data.hex()}") from short
    special = form.specials.get(raw)
    if special is not None:
        return special
    half = 1 << (form.bits - 1)
    return _value(((raw & (2 * half - 1)) ^ half) - half, raw >> form.bits)


def _value(mantissa: int, exponent: int) -> float:
    """Round once: 368 * 0.1 would be 36.800000000000004."""
    if exponent < 0:
        return mantissa / _TENS[-exponent]
    return float(mantissa * _TENS[exponent])


def _build(form: _Format, value: Number, exponent: int) -> bytes:
    if isinstance(value, Special):
        patterns = {special: raw for raw, special in form.specials.items()}
        return form.struct.pack(patterns[value])
    low, high = (_value(m, form.exponents[-1]) for m in form.mantissas(1))
    if not low <= value <= high:  # nor is NaN
        raise ValueError(f"{value} does not fit a {form.name}")
    mantissa, exponent = _nearest(form, value, exponent)
    return form.struct.pack(exponent << form.bits | mantissa & ((1 << form.bits) - 1))


def _nearest(form: _Format, value: float, preferred: int) -> tuple[int, int]:
    best = inf, 0, 0
    for exponent in sorted(form.exponents, key=lambda e: (abs(e - preferred), e)):
        low, high = form.mantissas(exponent)
        mantissa = min(max(round(_scaled(value, exponent)), low), high)
        distance = abs(_value(mantissa, exponent) - value)
        best = min(best, (distance, mantissa, exponent), key=lambda b: b[0])
        if distance == 0:
            break
    return best[1:]


def _scaled(value: float, exponent: int) -> float:
    return value * _TENS[-exponent] if exponent < 0 else value / _TENS[exponent]

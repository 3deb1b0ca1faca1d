from bisect import bisect_left
from decimal import Decimal
from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.golden import number, octets, vectors
from vitals.errors import MalformedData
from vitals.gatt.numbers import (
    Special,
    build_float,
    build_sfloat,
    parse_float,
    parse_sfloat,
)

SFLOATS = [pattern.to_bytes(2, "little") for pattern in range(1 << 16)]
LARGEST_FLOAT = (2**23 - 1) * 10**127


def exactly(raw, bits):
    """The slow twin: mantissa and exponent by sign, joined in decimal."""
    exponent, mantissa = divmod(raw, 1 << bits)
    if mantissa >= 1 << (bits - 1):
        mantissa -= 1 << bits
    return Decimal(mantissa).scaleb(exponent)


def numbers():
    """Every SFLOAT that is a number, with its pattern read as a signed integer."""
    for data in SFLOATS:
        value = parse_sfloat(data)
        if not isinstance(value, Special):
            yield int.from_bytes(data, "little", signed=True), value


@pytest.mark.parametrize("row", vectors("numbers", "sfloat"))
def test_golden_sfloat(row):
    assert parse_sfloat(octets(row)) == number(row["value"])
    assert parse_sfloat(build_sfloat(number(row["value"]))) == number(row["value"])


@pytest.mark.parametrize("row", vectors("numbers", "float"))
def test_golden_float(row):
    assert parse_float(octets(row)) == number(row["value"])
    assert parse_float(build_float(number(row["value"]))) == number(row["value"])


def test_every_sfloat_is_the_float_nearest_to_its_decimal():
    assert all(value == float(exactly(raw, 12)) for raw, value in numbers())


def test_multiplying_with_a_tenth_would_not_be_exact():
    tenths = [(m / 10, m * 0.1) for m in range(-2048, 2048)]
    assert any(divided != multiplied for divided, multiplied in tenths)


def test_every_sfloat_survives_a_round_trip():
    for data in SFLOATS:
        value = parse_sfloat(data)
        assert parse_sfloat(build_sfloat(value)) == value


def test_five_sfloats_are_no_numbers_and_all_others_are():
    special = {
        pattern.hex() for pattern in SFLOATS if type(parse_sfloat(pattern)) is Special
    }
    assert special == {"ff07", "0008", "fe07", "0208", "0108"}


def test_nan_is_not_2047():
    assert exactly(0x07FF, 12) == 2047  # what a naive reader shows
    assert parse_sfloat(b"\xff\x07") is Special.NAN


@pytest.mark.parametrize("exponent", [-8, -2, -1, 1, 7])
def test_the_mantissa_of_nan_with_another_exponent_is_a_number(exponent):
    data = (exponent << 12 & 0xF000 | 0x07FF).to_bytes(2, "little")
    assert parse_sfloat(data) == float(Decimal(2047).scaleb(exponent))


@given(st.binary(min_size=4, max_size=4))
def test_every_float_is_the_float_nearest_to_its_decimal(data):
    value = parse_float(data)
    if not isinstance(value, Special):
        assert value == float(exactly(int.from_bytes(data, "little", signed=True), 24))


@given(st.binary(min_size=4, max_size=4), st.integers(-128, 127))
def test_every_float_survives_a_round_trip(data, exponent):
    value = parse_float(data)
    assert parse_float(build_float(value, exponent)) == value


def test_a_temperature_of_36_6_is_36_6():
    assert parse_float(bytes.fromhex("6e0100ff")) == 36.6
    assert build_float(36.6) == bytes.fromhex("6e0100ff")
    assert parse_sfloat(build_sfloat(36.6, -1)) == 36.6


def test_among_exact_exponents_the_preferred_one_is_taken():
    assert build_sfloat(120.0) == bytes.fromhex("7800")
    assert build_sfloat(120.0, -1) == bytes.fromhex("b0f4")
    assert build_sfloat(300.0, -1) == bytes.fromhex("2c01")  # 3000 does not fit
    assert build_float(37.0, -2) == bytes.fromhex("740e00fe")


VALUES = sorted({value for _, value in numbers()})


@given(st.floats(-2048e7, 2047e7))
@example(2047.0)
@example(-2047.0)
@example(0.1 + 0.2)
@example(5e-324)
def test_what_no_exponent_can_say_becomes_the_nearest_there_is(value):
    at = bisect_left(VALUES, value)
    nearest = min(abs(near - value) for near in VALUES[max(at - 1, 0) : at + 1])
    assert abs(parse_sfloat(build_sfloat(value)) - value) == nearest


@pytest.mark.parametrize("value", [nan, inf, -inf, 2048e7, -2049e7, 1e308])
def test_what_does_not_fit_an_sfloat_is_an_error(value):
    with pytest.raises(ValueError, match="does not fit"):
        build_sfloat(value)


@pytest.mark.parametrize("value", [nan, inf, -inf, 2.0 * LARGEST_FLOAT, -1e308])
def test_what_does_not_fit_a_float_is_an_error(value):
    with pytest.raises(ValueError, match="does not fit"):
        build_float(value)


def test_the_largest_numbers_fit():
    assert parse_sfloat(build_sfloat(2047e7)) == 2047e7
    assert parse_sfloat(build_sfloat(-2048e7)) == -2048e7
    assert parse_float(build_float(float(LARGEST_FLOAT))) == float(LARGEST_FLOAT)


@pytest.mark.parametrize("special", Special)
def test_specials_survive_a_round_trip(special):
    assert parse_sfloat(build_sfloat(special, -1)) is special
    assert parse_float(build_float(special)) is special


def test_numbers_are_read_at_their_offset():
    data = bytes.fromhex("ff 7200 6c0100ff")
    assert parse_sfloat(data, 1) == 114
    assert parse_float(data, 3) == 36.4


@pytest.mark.parametrize(("length", "offset"), [(0, 0), (1, 0), (2, 1), (2, 2), (2, 9)])
def test_a_number_that_is_cut_off_is_malformed(length, offset):
    for parse in (parse_sfloat, parse_float):
        with pytest.raises(MalformedData):
            parse(bytes(length), offset)

import pytest

from tests.golden import octets, vectors
from vitals.errors import MalformedData
from vitals.gatt import record_access as racp
from vitals.gatt.record_access import RecordAccess


@pytest.mark.parametrize("row", vectors("record_access"))
def test_golden(row):
    value = row["value"] | {"operand": bytes.fromhex(row["value"]["operand"])}
    assert RecordAccess.parse(octets(row)) == RecordAccess(**value)
    assert RecordAccess(**value).build() == octets(row)


@pytest.mark.parametrize(
    ("made", "bytes_"),
    [
        (RecordAccess.all(racp.REPORT), "0101"),
        (RecordAccess.all(racp.REPORT_NUMBER), "0401"),
        (RecordAccess.since(racp.REPORT, 23), "0103011700"),
        (RecordAccess.until(racp.DELETE, 0x1234), "0202013412"),
        (RecordAccess(racp.ABORT), "0300"),
        (RecordAccess.response(racp.REPORT, racp.NO_RECORDS), "06000106"),
        (RecordAccess.count(7), "05000700"),
    ],
)
def test_commands_and_answers_are_those_of_the_specification(made, bytes_):
    assert made.build().hex() == bytes_


def test_an_answer_is_read_only_as_what_it_is():
    assert RecordAccess.count(300).number == 300
    assert RecordAccess.response(1, 6).outcome == (1, 6)
    with pytest.raises(MalformedData):
        _ = RecordAccess.count(300).outcome
    with pytest.raises(MalformedData):
        _ = RecordAccess(racp.NUMBER, 0, b"\x01").number


@pytest.mark.parametrize(
    ("operand", "numbers"),
    [("", ()), ("010900", (9,)), ("0101000900", (1, 9))],
)
def test_an_operand_holds_sequence_numbers(operand, numbers):
    assert RecordAccess(1, 1, bytes.fromhex(operand)).sequences == numbers


@pytest.mark.parametrize("operand", ["02e807", "01", "0109", "01010009"])
def test_any_other_operand_is_malformed(operand):
    with pytest.raises(MalformedData):
        _ = RecordAccess(1, 1, bytes.fromhex(operand)).sequences

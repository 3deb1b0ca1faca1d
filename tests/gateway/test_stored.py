"""A meter with 50 records against the pure dump; its link may end anywhere."""

import pytest

from firmware_sim.glucose import GlucoseMeter
from firmware_sim.physiology import Person
from gateway.stored import Shelf
from vitals import MalformedData
from vitals.gatt import glucose, record_access
from vitals.gatt.glucose import GlucoseMeasurement
from vitals.gatt.record_access import CONTROL_POINT, RecordAccess

NOW = 1_800_000_000_000


def a_meter(stored=50):
    return GlucoseMeter(Person(7), lambda: NOW, stored=stored)


class Cut(Exception):
    pass


def dump(shelf, meter, cut=None, lose=()):
    """Talk until the end, or until `cut` records have come; give what came."""
    came, command = [], shelf.begin()
    while command:
        meter.write(CONTROL_POINT, command.build())
        for characteristic, value in meter.answers():
            if characteristic == CONTROL_POINT:
                command = shelf.answered(RecordAccess.parse(value))
                continue
            if len(came) == cut:
                return came
            came.append(value)
            if len(came) not in lose:
                shelf.heard(value)
    shelf.keep()
    return came


def sequences(values):
    return [GlucoseMeasurement.parse(value).sequence for value in values]


def test_all_comes_oldest_first_then_only_what_is_new():
    shelf, meter = Shelf(), a_meter()
    assert sequences(dump(shelf, meter)) == list(range(1, 51))
    assert shelf.complete
    meter.live(0)
    assert sequences(dump(shelf, meter)) == [50, 51]
    assert sequences(dump(shelf, meter)) == [51]


@pytest.mark.parametrize("cut", range(50))
def test_a_dump_cut_at_any_record_is_made_up_for(cut):
    shelf, meter = Shelf(), a_meter()
    first = dump(shelf, meter, cut)
    assert shelf.last is None  # nothing is taken for complete
    rest = dump(shelf, meter)
    assert set(first) | set(rest) == set(meter.records.values())
    assert shelf.last[0] == 50


@pytest.mark.parametrize("lost", [1, 17, 50])
def test_a_record_lost_on_the_air_is_missed_and_asked_for_again(lost):
    shelf, meter = Shelf(), a_meter()
    came = dump(shelf, meter, lose=(lost,))
    assert sequences(came) == [*range(1, 51), *range(1, 51)]
    assert shelf.complete


def test_a_record_that_never_arrives_is_not_asked_for_for_ever():
    shelf, meter = Shelf(), a_meter(3)
    dump(shelf, meter, lose=range(1, 100))
    assert not shelf.complete
    assert shelf.last is None
    assert shelf.forget() is None


@pytest.mark.parametrize("stored", [0, 3, 80])
def test_a_memory_that_was_erased_is_fetched_from_its_beginning(stored):
    shelf = Shelf()
    dump(shelf, a_meter(50))
    other = GlucoseMeter(Person(8), lambda: NOW, stored=stored)
    came = dump(shelf, other)
    assert set(came) == set(other.records.values())
    assert shelf.complete


def test_an_empty_meter_has_nothing_to_tell():
    shelf = Shelf()
    assert dump(shelf, a_meter(0)) == []
    assert shelf.complete
    assert shelf.forget() is None


def test_what_is_on_our_disk_may_be_forgotten_and_no_more():
    shelf, meter = Shelf(), a_meter(3)
    dump(shelf, meter)
    meter.live(0)  # a fourth, which we do not have
    meter.write(CONTROL_POINT, shelf.forget().build())
    assert list(meter.records) == [4]
    assert sequences(dump(shelf, meter)) == [4]


class SimpleMeter(GlucoseMeter):
    """Knows "report all", and nothing else."""

    def _obey(self, command):
        code = None
        if command.op_code != record_access.REPORT:
            code = record_access.OP_CODE_NOT_SUPPORTED
        elif command.operator != record_access.ALL:
            code = record_access.OPERATOR_NOT_SUPPORTED
        if code:
            return [RecordAccess.response(command.op_code, code).build()]
        return super()._obey(command)


def test_a_meter_that_knows_only_all_is_asked_for_all():
    shelf, meter = Shelf(), SimpleMeter(Person(7), lambda: NOW, stored=4)
    assert sequences(dump(shelf, meter)) == [1, 2, 3, 4]
    meter.live(0)
    assert sequences(dump(shelf, meter)) == [1, 2, 3, 4, 5]
    assert shelf.last[0] == 5


def test_what_is_no_answer_is_malformed():
    with pytest.raises(MalformedData):
        Shelf().answered(RecordAccess(99, 0, b"\x01"))


def test_a_malformed_record_was_never_heard():
    shelf = Shelf()
    shelf.begin()
    shelf.answered(RecordAccess.count(1))
    shelf.heard(b"\x00\x01")
    again = shelf.answered(RecordAccess.response(1, record_access.SUCCESS))
    assert again.op_code == record_access.REPORT_NUMBER
    assert glucose.MEASUREMENT

"""A glucose meter's firmware: it keeps its records, and reports them when asked to.

Record Access Control Point as in Glucose Service 1.0, section 3.4: report, number of
records, delete and abort; by sequence number, not by time.
"""

import random
from collections.abc import Iterator, Mapping
from math import sin, tau

from firmware_sim.firmware import Firmware, Refused
from firmware_sim.physiology import Person
from vitals.clock import Clock
from vitals.errors import MalformedData
from vitals.gatt import glucose, record_access
from vitals.gatt.date_time import DateTime
from vitals.gatt.glucose import GlucoseFeature, GlucoseMeasurement
from vitals.gatt.record_access import RecordAccess

WRONG_VALUE = 0x13  # ATT: value not allowed
FASTING = 5.5  # mmol/L
SWING = 1.8  # mmol/L that meals make of it
MEALS_S = 6 * 3600.0
NOISE = 0.2  # mmol/L
LITRES_PER_MOLE = 1000.0  # mmol/L in mol/L
KG_PER_L = 0.180156 / 1000  # of 1 mmol/L: the molar mass of glucose, 180.156 g/mol


class GlucoseMeter(Firmware):
    """Glucose Service 1.0; somebody pricks a finger every `every_s`."""

    service = glucose.SERVICE
    measurement = glucose.MEASUREMENT
    control_points = (record_access.CONTROL_POINT,)
    companions = (glucose.CONTEXT,)
    model = "Meter 1"

    def __init__(
        self,
        person: Person,
        clock: Clock,
        every_s: float = 3600.0,
        stored: int = 0,
        molar: bool = False,
    ) -> None:
        self.person, self.clock, self.molar = person, clock, molar
        self.live_s = every_s
        self.records: dict[int, bytes] = {}  # by sequence number
        self._dice = random.Random(person.seed ^ 3)
        self._next = 1
        self._asked: list[bytes] = []  # what the last command asked for
        for n in range(stored, 0, -1):
            self._keep(-n * every_s, clock() - round(1000 * n * every_s))

    def values(self) -> Mapping[str, bytes]:
        """Give what it is able to notice: nothing."""
        return {glucose.FEATURE: GlucoseFeature(0).build()}

    def live(self, now: float) -> bool:
        """Measure, and keep it."""
        self._keep(now, self.clock())
        return True

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Say nothing unasked."""
        return []

    def write(self, characteristic: str, value: bytes) -> None:
        """Take a command; what it gives is told by `answers`."""
        try:
            command = RecordAccess.parse(value)
        except MalformedData as error:
            raise Refused(WRONG_VALUE) from error
        self._asked = self._obey(command)

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Give the records that were asked for, oldest first, and how it ended."""
        if not self._asked:
            return
        *records, response = self._asked
        self._asked = []
        for record in records:
            yield self.measurement, record
        yield record_access.CONTROL_POINT, response

    def _obey(self, command: RecordAccess) -> list[bytes]:
        """Carry out a command; give the records it asks for, and the response."""
        if command.op_code == record_access.ABORT:
            return [_response(command, record_access.SUCCESS)]
        try:
            found = self._selected(command)
        except MalformedData:
            return [_response(command, record_access.INVALID_OPERAND)]
        if found is None:
            return [_response(command, record_access.OPERATOR_NOT_SUPPORTED)]
        match command.op_code:
            case record_access.REPORT_NUMBER:
                return [RecordAccess.count(len(found)).build()]
            case record_access.REPORT if found:
                done = _response(command, record_access.SUCCESS)
                return [*(self.records[n] for n in found), done]
            case record_access.DELETE if found:
                for n in found:
                    del self.records[n]
                return [_response(command, record_access.SUCCESS)]
            case record_access.REPORT | record_access.DELETE:
                return [_response(command, record_access.NO_RECORDS)]
        return [_response(command, record_access.OP_CODE_NOT_SUPPORTED)]

    def _selected(self, command: RecordAccess) -> list[int] | None:
        """Give the sequence numbers that a command means; None: unknown operator."""
        kept, ends = sorted(self.records), command.sequences
        match command.operator, ends:
            case record_access.ALL, ():
                return kept
            case record_access.FIRST, ():
                return kept[:1]
            case record_access.LAST, ():
                return kept[-1:]
            case record_access.FROM, (first,):
                return [n for n in kept if n >= first]
            case record_access.UP_TO, (last,):
                return [n for n in kept if n <= last]
            case record_access.WITHIN, (first, last):
                return [n for n in kept if first <= n <= last]
        return None

    def _keep(self, now: float, stamp_ms: int) -> None:
        """Take a measurement, and give it its number."""
        level = FASTING + SWING * sin(tau * now / MEALS_S) + self._dice.gauss(0, NOISE)
        scale = 1 / LITRES_PER_MOLE if self.molar else KG_PER_L
        record = GlucoseMeasurement(
            sequence=self._next,
            base=DateTime.of(stamp_ms),
            offset=0,
            concentration=round(level * scale, 5),
            molar=self.molar,
            sample=glucose.CAPILLARY_WHOLE_BLOOD,
            place=glucose.FINGER,
            status=0,
        )
        self.records[self._next] = record.build()
        self._next += 1


def _response(command: RecordAccess, code: int) -> bytes:
    """Say how a command ended."""
    return RecordAccess.response(command.op_code, code).build()

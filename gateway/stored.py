"""The records that a wearable keeps until they are asked for.  Sans-I/O.

How they are fetched, over the Record Access Control Point:

    begin()      how many are there, from the last one that we have on?
    answered()   report them
    heard()      ... each of them ...
    answered()   done; or again, if one was lost on the way; or all, if its memory
                 is not the one that we knew

`keep` is for when all that was heard is on disk.  The last record is asked for once
more each time: it proves that the memory is the one that we know.  What arrives twice
the outbox knows.  Nothing is deleted here; `forget` says what may be.
"""

from msgspec import Struct, field

from vitals import MalformedData
from vitals.gatt import record_access
from vitals.gatt.glucose import GlucoseMeasurement
from vitals.gatt.record_access import RecordAccess

ATTEMPTS = 3  # at one dump on one link
NOT_SUPPORTED = (
    record_access.OP_CODE_NOT_SUPPORTED,
    record_access.INVALID_OPERATOR,
    record_access.OPERATOR_NOT_SUPPORTED,
    record_access.INVALID_OPERAND,
    record_access.OPERAND_NOT_SUPPORTED,
)


class Shelf(Struct):
    """What one wearable keeps, and how much of it we have.

    Attributes
    ----------
    last
        Sequence number and bytes of the newest record that is on our disk together
        with all before it.
    complete
        Whether the latest dump brought everything.
    """

    last: tuple[int, bytes] | None = None
    complete: bool = False
    _only_all: bool = False  # it does not know "from a sequence number on"
    _attempts: int = 0
    _expected: int = 0
    _heard: dict[int, bytes] = field(default_factory=dict)  # in order of arrival

    def begin(self) -> RecordAccess:
        """Begin a dump on a new link; give the first command."""
        self.complete, self._attempts = False, 0
        return self._count()

    def heard(self, data: bytes) -> None:
        """Take note of a record; what is malformed was never heard."""
        try:
            self._heard[GlucoseMeasurement.parse(data).sequence] = data
        except MalformedData:
            return

    def answered(self, answer: RecordAccess) -> RecordAccess | None:
        """Take an answer of the control point; give the next command, if there is one.

        Raises
        ------
        MalformedData
            It is no answer.
        """
        if answer.op_code == record_access.NUMBER:
            self._expected = answer.number
            return self._report() if answer.number else self._nothing()
        request, code = answer.outcome
        if code == record_access.NO_RECORDS:
            return self._nothing()
        if code in NOT_SUPPORTED:
            return self._simpler(request)
        if request != record_access.REPORT:
            return None
        return self._reported(code == record_access.SUCCESS)

    def keep(self) -> None:
        """Note that all that was heard is on disk."""
        if self.complete and self._heard:
            self.last = list(self._heard.items())[-1]

    def forget(self) -> RecordAccess | None:
        """Give the command that deletes what we have; None when there is nothing."""
        if not (self.complete and self.last):
            return None
        return RecordAccess.until(record_access.DELETE, self.last[0])

    def _reported(self, success: bool) -> RecordAccess | None:
        """Judge a dump that has ended."""
        if self._changed():
            self.last = None
            return self._again()
        self.complete = success and len(self._heard) >= self._expected
        return None if self.complete else self._again()

    def _changed(self) -> bool:
        """Tell whether the record that we know is another one now."""
        if self.last is None:
            return False
        number, data = self.last
        return self._heard.get(number, data) != data

    def _nothing(self) -> RecordAccess | None:
        """Go on when there are no records from the last one on, not even that one."""
        if self.last is not None:
            self.last = None
            return self._count()
        self.complete = True
        return None

    def _simpler(self, request: int) -> RecordAccess | None:
        """Ask in a way that simpler wearables know."""
        if request == record_access.REPORT_NUMBER:
            self._expected = 0
            return self._report()
        if request == record_access.REPORT and not self._only_all:
            self._only_all = True
            return self._again()
        return None

    def _again(self) -> RecordAccess | None:
        """Ask once more, but not for ever."""
        self._attempts += 1
        return self._count() if self._attempts < ATTEMPTS else None

    def _count(self) -> RecordAccess:
        return self._ask(record_access.REPORT_NUMBER)

    def _report(self) -> RecordAccess:
        self._heard = {}
        return self._ask(record_access.REPORT)

    def _ask(self, op_code: int) -> RecordAccess:
        """Ask for what we do not have, and the last that we have."""
        if self.last is None or self._only_all:
            return RecordAccess.all(op_code)
        return RecordAccess.since(op_code, self.last[0])

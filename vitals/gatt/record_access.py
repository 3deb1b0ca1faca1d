"""Record Access Control Point (0x2A52): ask a wearable for what it has stored.

Glucose Service 1.0, section 3.4, and GATT Specification Supplement.  Both directions
have one form: a command is written, its answer is indicated.  Records in between come
as notifications of the service's own characteristic.
"""

from typing import Self

from msgspec import Struct

from vitals.errors import MalformedData
from vitals.gatt import uuid

CONTROL_POINT = uuid(0x2A52)

# Op codes.
REPORT = 1
DELETE = 2
ABORT = 3
REPORT_NUMBER = 4
NUMBER = 5  # the answer to REPORT_NUMBER
RESPONSE = 6  # the answer to the others

# Operators.
NULL = 0
ALL = 1
UP_TO = 2  # less than or equal
FROM = 3  # greater than or equal
WITHIN = 4  # both ends included
FIRST = 5
LAST = 6

# Filter types: what an operand is held against.
SEQUENCE = 1
TIME = 2

# Response codes.
SUCCESS = 1
OP_CODE_NOT_SUPPORTED = 2
INVALID_OPERATOR = 3
OPERATOR_NOT_SUPPORTED = 4
INVALID_OPERAND = 5
NO_RECORDS = 6
ABORT_UNSUCCESSFUL = 7
NOT_COMPLETED = 8
OPERAND_NOT_SUPPORTED = 9

# ATT errors of a write.
IN_PROGRESS = 0xFE  # GLS 1.0 has 0x80
NOT_CONFIGURED = 0xFD  # nobody has subscribed to the answers


class RecordAccess(Struct, frozen=True):
    """A command to the control point, or its answer."""

    op_code: int
    operator: int = NULL
    operand: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read two octets or more; what the rest means depends on the op code.

        >>> RecordAccess.parse(bytes.fromhex("06 00 0101")).outcome
        (1, 1)
        """
        if len(data) < 2:
            raise MalformedData(f"record access {data.hex()}: too short")
        return cls(data[0], data[1], bytes(data[2:]))

    def build(self) -> bytes:
        """Write it; the inverse of `parse`."""
        return bytes([self.op_code, self.operator]) + self.operand

    @classmethod
    def all(cls, op_code: int) -> Self:
        """Ask for every record.

        >>> RecordAccess.all(REPORT).build().hex(" ")
        '01 01'
        """
        return cls(op_code, ALL)

    @classmethod
    def since(cls, op_code: int, sequence: int) -> Self:
        """Ask for the records from a sequence number on, itself included.

        >>> RecordAccess.since(REPORT, 258).build().hex(" ")
        '01 03 01 02 01'
        """
        return cls(op_code, FROM, _numbers(sequence))

    @classmethod
    def until(cls, op_code: int, sequence: int) -> Self:
        """Ask for the records up to a sequence number, itself included."""
        return cls(op_code, UP_TO, _numbers(sequence))

    @classmethod
    def response(cls, request: int, code: int) -> Self:
        """Answer a command with how it ended."""
        return cls(RESPONSE, NULL, bytes([request, code]))

    @classmethod
    def count(cls, number: int) -> Self:
        """Answer REPORT_NUMBER."""
        return cls(NUMBER, NULL, number.to_bytes(2, "little"))

    @property
    def sequences(self) -> tuple[int, ...]:
        """The sequence numbers in a command's operand: none, one or two.

        Raises
        ------
        MalformedData
            The operand is not one of sequence numbers.
        """
        if not self.operand:
            return ()
        if self.operand[0] != SEQUENCE or len(self.operand) not in (3, 5):
            raise MalformedData(f"record access operand {self.operand.hex()}")
        ends = self.operand[1:3], self.operand[3:5]
        return tuple(int.from_bytes(end, "little") for end in ends if end)

    @property
    def outcome(self) -> tuple[int, int]:
        """The request that RESPONSE answers, and how it ended."""
        request, code = self._operand(RESPONSE)
        return request, code

    @property
    def number(self) -> int:
        """How many records NUMBER says there are."""
        return int.from_bytes(self._operand(NUMBER), "little")

    def _operand(self, op_code: int) -> bytes:
        """Give the two octets of an answer."""
        if self.op_code != op_code or len(self.operand) != 2:
            raise MalformedData(f"record access {self.build().hex()}: no such answer")
        return self.operand


def _numbers(*sequences: int) -> bytes:
    """Write an operand of sequence numbers."""
    numbers = b"".join(sequence.to_bytes(2, "little") for sequence in sequences)
    return bytes([SEQUENCE]) + numbers

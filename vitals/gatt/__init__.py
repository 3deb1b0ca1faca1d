"""GATT characteristic values: bytes <-> the structures of the specification.

Each module is one service.  `parse` and `build` stand side by side: the gateway reads
with one, the simulated firmware writes with the other, the tests hold both to golden
bytes that somebody else vouches for.  Ground rules, the same in every module:

- Raw stays raw: fields are in the units of the specification.
- Multi-octet fields are little-endian.  A missing octet is `MalformedData`.
- A flag bit that the specification reserves for future use is ignored, and so are the
  octets behind the last field we know, since they may be what that bit announces.
  Without such a bit, octets that no flag explains are `MalformedData`: a sender that
  writes them means other fields than we would read.
- A field with a value that we do not know is kept; its reader decides.  In particular
  an impossible date never costs us the measurement that carries it.
- `build` is for our own values.  One that does not fit its field is a bug of the caller
  and raises ValueError, OverflowError or struct.error; nothing is cut off silently.
"""

from vitals.errors import MalformedData


def uuid(short: int) -> str:
    """Give the full UUID of a number assigned by the Bluetooth SIG.

    >>> uuid(0x180D)
    '0000180d-0000-1000-8000-00805f9b34fb'
    """
    return f"{short:08x}-0000-1000-8000-00805f9b34fb"


def whole(data: bytes, length: int, name: str) -> bytes:
    """Give `data` back if it is exactly `length` octets; `name` is for the error.

    Raises
    ------
    MalformedData
        Too few or too many octets.
    """
    if len(data) != length:
        raise MalformedData(f"{name} {data.hex()}: not {length} octets")
    return data

"""Device Information Service (0x180A), Bluetooth SIG DIS 1.1."""

from typing import Self

from msgspec import Struct

from vitals.gatt import uuid, whole

SERVICE = uuid(0x180A)
SYSTEM_ID = uuid(0x2A23)
MODEL = uuid(0x2A24)
SERIAL = uuid(0x2A25)
FIRMWARE = uuid(0x2A26)
HARDWARE = uuid(0x2A27)
SOFTWARE = uuid(0x2A28)
MANUFACTURER = uuid(0x2A29)

NAMES = {
    MANUFACTURER: "manufacturer",
    MODEL: "model",
    SERIAL: "serial",
    FIRMWARE: "firmware",
    HARDWARE: "hardware",
    SOFTWARE: "software",
}
"""The characteristics that are text, and what we call them."""

LONGEST = 512  # octets, of any attribute


def parse_text(data: bytes) -> str:
    r"""Read a UTF-8 string, whatever it is: it describes a device, it measures nothing.

    Firmware pads with NUL or sends what lay behind it in memory: the text ends at the
    first NUL.  What is not UTF-8 becomes U+FFFD, what cannot be printed is left out.

    >>> parse_text(b"HR-1\0\0\xff")
    'HR-1'
    """
    text, _, _ = data.partition(b"\0")
    letters = text.decode("utf-8", errors="replace")
    return "".join(filter(str.isprintable, letters)).strip()


def build_text(text: str) -> bytes:
    """Write a string; the inverse of `parse_text` for printable, stripped text.

    Raises
    ------
    ValueError
        Longer than an attribute can be.
    """
    data = text.encode()
    if len(data) > LONGEST:
        raise ValueError(f"{len(data)} octets do not fit an attribute")
    return data


class SystemId(Struct, frozen=True):
    """System ID (0x2A23), section 3.9."""

    manufacturer: int  # 40 bits, given by the organisation
    organisation: int  # 24 bits, given by the IEEE

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read eight octets."""
        raw = int.from_bytes(whole(data, 8, "system id"), "little")
        return cls(raw & 0xFF_FFFF_FFFF, raw >> 40)

    def build(self) -> bytes:
        """Write eight octets; the inverse of `parse`."""
        number = self.manufacturer.to_bytes(5, "little")
        return number + self.organisation.to_bytes(3, "little")

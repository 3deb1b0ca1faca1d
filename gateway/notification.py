"""What a wearable said, and the numbered record that we make of it."""

from msgspec import Struct

from vitals import Reading, wire
from vitals.gatt import uuid

# These speak all the time, and one value more or less changes little.  Everything else,
# also what we do not know, is a reading somebody sat down for: it is never given up.
STREAMED = frozenset(
    map(
        uuid,
        (
            0x2A37,  # Heart Rate Measurement
            0x2A1E,  # Intermediate Temperature
            0x2A36,  # Intermediate Cuff Pressure
            0x2A5F,  # PLX Continuous Measurement
            0x2A19,  # Battery Level
        ),
    )
)


class Notification(Struct, frozen=True):
    """What a wearable said, decoded, beside its raw bytes."""

    reading: Reading  # subject "": to be found out
    characteristic: str  # UUID
    raw: bytes
    heard: float = 0.0  # s, monotonic

    @property
    def heard_ms(self) -> int | None:
        """Give `heard` as it is kept."""
        return round(self.heard * 1000) or None

    @property
    def told_once(self) -> bool:
        """Tell whether the same bytes again are the same measurement again.

        A wearable that stamps a measurement says it again when our confirmation was
        lost.  A heart rate of 72 twice is two measurements.
        """
        return self.reading.record.device_t is not None

    @property
    def streamed(self) -> bool:
        """Tell whether it is one of a stream; else it is a spot reading."""
        return self.characteristic in STREAMED


class Row(Struct, frozen=True):
    """A record in the outbox."""

    id: int  # in order of arrival
    device: str
    seq: int
    topic: str
    payload: bytes
    heard: float | None = None  # s, monotonic; None once it has been read back

    @property
    def subject(self) -> str:
        """Whose it is."""
        return wire.levels(self.topic)[1]

"""What one kind of wearable does, without its radio: values in GATT's bytes.

`firmware_sim.peripheral` puts any of them on the air.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

OUT_OF_RANGE = NOT_SUPPORTED = 0x80  # ATT application error, as each service defines it


class Refused(Exception):
    """A write that the wearable answers with an ATT error."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ATT error {code:#04x}")
        self.code = code


class Firmware(ABC):
    """The measuring half of a wearable, or one part of it.

    Attributes
    ----------
    service, measurement
        Its service, which it advertises, and the characteristic that it streams; ""
        streams nothing.
    indicates
        Whether each measurement waits for its confirmation.
    every_s
        Seconds between measurements that are told.
    writable
        Characteristics that take a value.
    control_points
        Characteristics that take a command and answer it: `answers`.
    companions
        Characteristics that are notified only as part of an answer.
    live_s
        Seconds between calls of `live`, whether anybody listens or not.
    window_s
        How long it can be found after `live` had something to tell; None: always.
    """

    service: str
    measurement: str = ""
    model: str = ""
    indicates = False
    every_s: float = 1.0
    writable: tuple[str, ...] = ()
    control_points: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    live_s: float | None = None
    window_s: float | None = None

    @property
    def parts(self) -> tuple["Firmware", ...]:
        """Give everything in this housing that has a characteristic of its own."""
        return (self,)

    @abstractmethod
    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Give the values to send, oldest first.

        Parameters
        ----------
        now
            The person's time, s.
        seconds
            How long the wearable listened to the body for these values.
        """

    def values(self) -> Mapping[str, bytes]:
        """Give what can be read now, by characteristic."""
        return {}

    def write(self, characteristic: str, value: bytes) -> None:
        """Take a value that was written.

        Raises
        ------
        Refused
            The service forbids this value.
        """
        raise Refused(NOT_SUPPORTED)

    def live(self, now: float) -> bool:
        """Live on for `live_s`; True when there is something to tell."""
        return False

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Give what the last command asked for: characteristic and value, in order."""
        return iter(())

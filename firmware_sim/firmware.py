"""What one kind of wearable does, without its radio: values in GATT's bytes.

`firmware_sim.peripheral` puts any of them on the air.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

OUT_OF_RANGE = NOT_SUPPORTED = 0x80  # ATT application error, as each service defines it


class Refused(Exception):
    """A write that the wearable answers with an ATT error."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ATT error {code:#04x}")
        self.code = code


class Firmware(ABC):
    """The measuring half of a wearable.

    Attributes
    ----------
    service, measurement
        Its main service, which it advertises, and the characteristic that it streams.
    indicates
        Whether each measurement waits for its confirmation.
    every_s
        Seconds between measurements.
    """

    service: str
    measurement: str
    model: str
    indicates = False
    every_s: float
    writable: tuple[str, ...] = ()

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

"""One housing with several parts: a watch, an oximeter with two characteristics."""

from firmware_sim.firmware import Firmware


class Housing(Firmware):
    """Parts that share a radio, a battery and a name.

    Parameters
    ----------
    model
        Of Device Information.
    parts
        The first one's service is advertised first.
    """

    def __init__(self, model: str, *parts: Firmware) -> None:
        self.model = model
        self._parts = tuple(inner for part in parts for inner in part.parts)
        self.service = parts[0].service
        self.every_s = parts[0].every_s
        windows = (part.window_s for part in parts)
        self.window_s = next((w for w in windows if w is not None), None)

    @property
    def parts(self) -> tuple[Firmware, ...]:
        """Give everything in this housing."""
        return self._parts

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Say nothing by itself: its parts do."""
        return []

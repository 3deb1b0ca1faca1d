"""The account of what wearables handed to the radio: what "none lost" is held against.

One JSON line per value, on disk's side of this process before the radio has it:

    {"t": ms, "device": name, "address": "C0:...", "characteristic": "2a37",
     "value": hex}
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from vitals.clock import Clock
from vitals.errors import Unavailable
from vitals.metrics import Metrics


class Ledger:
    """Counts every value, and writes it down if there is a file for it.

    Raises
    ------
    Unavailable
        The file cannot be opened.
    """

    def __init__(self, metrics: Metrics, clock: Clock, path: str = "") -> None:
        self._metrics, self._clock = metrics, clock
        self._file: TextIO | None = None
        if path:
            try:
                self._file = Path(path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115
            except OSError as error:
                raise Unavailable(f"sim.ledger {path}: {error.strerror}") from error

    def sent(
        self, device: str, address: str, characteristic: str, value: bytes
    ) -> None:
        """Note a value of a characteristic, "2a37"; call it before handing it over.

        The write is not handed to a thread: it must be done before the radio has the
        value, and a line into the page cache costs less than a thread does.
        """
        self._metrics.count("sim_sent_total")
        if self._file:
            line = {
                "t": self._clock(),
                "device": device,
                "address": address,
                "characteristic": characteristic,
                "value": value.hex(),
            }
            self._file.write(json.dumps(line) + "\n")

    def retried(self) -> None:
        """Count a value that goes out once more: its confirmation never came."""
        self._metrics.count("sim_retried_total")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

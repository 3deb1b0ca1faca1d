"""The account of what wearables handed to the radio: what "none lost" is held against.

One JSON line per value, on disk's side of this process before the radio has it:

    {"t": ms, "device": name, "address": "C0:...", "characteristic": "2a37",
     "value": hex, "n": 1}

and, where faults are at work, what became of it.  `fate` is "sent" when it is not
there; "lost" (on the air), "late", "doubled", "garbled" (`heard` is what left instead)
stand in the value's own line.  What turns out later is a line of its own, without a
value: {"n": 1, "t": ms, "fate": "lost"}, one for every frame, or "retried", when it is
indicated again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from vitals.clock import Clock
from vitals.errors import Unavailable
from vitals.metrics import Metrics

RECENT = 10_000  # values whose fate may still turn out
FRAMES = {"lost": 0, "doubled": 2}  # that left for a value; 1 for every other fate


class Ledger:
    """Counts every value, and writes it down if there is a file for it.

    Parameters
    ----------
    metrics, clock
        Told of every value; asked for its time.
    path
        The file; "" for none.
    fates
        Whether what turns out later is written too.

    Raises
    ------
    Unavailable
        The file cannot be opened.
    """

    def __init__(
        self, metrics: Metrics, clock: Clock, path: str = "", fates: bool = False
    ) -> None:
        self._metrics, self._clock, self._fates = metrics, clock, fates
        self._last = 0
        self._numbers: dict[tuple[str, bytes], int] = {}  # of recent values
        self._file: TextIO | None = None
        if path:
            try:
                self._file = Path(path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115
            except OSError as error:
                raise Unavailable(f"sim.ledger {path}: {error.strerror}") from error

    def sent(
        self,
        device: str,
        address: str,
        characteristic: str,
        value: bytes,
        **fate: str,
    ) -> None:
        """Note a value of a characteristic, "2a37"; call it before handing it over.

        The write is not handed to a thread: it must be done before the radio has the
        value, and a line into the page cache costs less than a thread does.
        """
        self._metrics.count("sim_sent_total")
        self._remember(address, value)
        if what := fate.get("fate"):
            self._metrics.count(f"sim_{what}_total")
        self._write(
            {
                "t": self._clock(),
                "device": device,
                "address": address,
                "characteristic": characteristic,
                "value": value.hex(),
                "n": self._last,
                **fate,
            }
        )

    def became(self, address: str, value: bytes, fate: str) -> None:
        """Note what became of a frame after it was handed over: "lost", "retried"."""
        self._metrics.count(f"sim_{fate}_total")
        number = self._numbers.get((address, value))
        if self._fates and number:
            self._write({"n": number, "t": self._clock(), "fate": fate})

    def retried(self) -> None:
        """Count a value that goes out once more: its confirmation never came."""
        self._metrics.count("sim_retried_total")

    def _remember(self, address: str, value: bytes) -> None:
        """Give a value its number, and forget the oldest."""
        self._last += 1
        if self._fates:
            self._numbers.pop((address, value), None)
            self._numbers[address, value] = self._last
            if len(self._numbers) > RECENT:
                del self._numbers[next(iter(self._numbers))]

    def _write(self, line: dict[str, Any]) -> None:
        if self._file:
            self._file.write(json.dumps(line) + "\n")

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


@dataclass(slots=True)
class Entry:
    """A value in the ledger, and what became of it in the end."""

    t: int  # ms
    device: str
    characteristic: str  # "2a37"
    value: bytes
    fate: str
    heard: bytes  # what left; another than the value if it was garbled
    frames: int  # that left and were not lost
    retried: int = 0


def read(lines: Iterable[str]) -> list[Entry]:
    """Read a ledger; fates that turned out later are with their values."""
    entries: list[Entry] = []
    latest: dict[int, Entry] = {}  # a simulation that starts again counts from 1
    for line in map(json.loads, lines):
        if "value" in line:
            latest[line["n"]] = entry = _entry(line)
            entries.append(entry)
            continue
        entry = latest[line["n"]]
        if line["fate"] == "retried":
            entry.retried += 1
        else:
            entry.frames -= 1
            entry.fate = entry.fate if entry.frames else "lost"
    return entries


def _entry(line: dict[str, Any]) -> Entry:
    fate = line.get("fate", "sent")
    return Entry(
        t=line["t"],
        device=line["device"],
        characteristic=line["characteristic"],
        value=bytes.fromhex(line["value"]),
        fate=fate,
        heard=bytes.fromhex(line.get("heard", line["value"])),
        frames=FRAMES.get(fate, 1),
    )

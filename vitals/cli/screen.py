"""The demo in the terminal: what happens, and every wearable's latest reading.

It sees what any program on the bus sees.  On a terminal the readings stand in a block
at the bottom that is drawn anew; into a file or pipe they are lines.
"""

import asyncio
import shutil
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitals import (
    Alert,
    Battery,
    BloodPressure,
    BodyTemperature,
    Flag,
    HeartRate,
    MalformedData,
    Reading,
    Record,
    Unavailable,
    wire,
)
from vitals.bus import Bus
from vitals.clock import Clock
from vitals.wire import Message

BARS = "▁▂▃▄▅▆▇█"
WORDS = {"high": "!!! HIGH  ", "medium": " !! MEDIUM", "low": "  ! low   "}
LINES_S, BLOCK_S = 5.0, 0.5


@dataclass
class Row:
    """A wearable's line."""

    subject: str
    text: str = "waiting"
    records: int = 0
    values: deque[float] = field(default_factory=lambda: deque(maxlen=24))


class Screen:
    """Shows the demo on standard output."""

    def __init__(self, clock: Clock) -> None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        self._clock, self._began = clock, clock()
        self._rows: dict[str, Row] = {}
        self._states: dict[str, str] = {}
        self._live = sys.stdout.isatty()
        self._drawn = 0  # lines of the block that stand on the terminal
        self._open = asyncio.Event()

    def say(self, text: str) -> None:
        """Add a line to what has happened."""
        self._erase()
        seconds = (self._clock() - self._began) / 1000
        print(f"  {seconds:5.1f} s  {text}", flush=True)

    def open(self, url: str, users: Sequence[Mapping[str, Any]], broker: str) -> None:
        """Say where the page is and who may log in."""
        self._erase()
        print(f"\n  VITALS  a demo on simulated wearables; broker: {broker}")
        print("          No emergency service: nobody watches this.\n")
        print(f"  page    {url}")
        for user in users:
            whose = f"patient {user['subject']}" if user["subject"] else user["role"]
            print(f"  log in  {user['name']:8} password {user['password']}  ({whose})")
        print(flush=True)
        self._open.set()

    async def opened(self, seconds: float) -> None:
        """Wait for the page."""
        try:
            await asyncio.wait_for(self._open.wait(), seconds)
        except TimeoutError as error:
            raise Unavailable(
                "the page does not come up; try another --port"
            ) from error

    async def follow(self, bus: Bus) -> None:
        """Show what passes on the bus, for ever."""
        readings = bus.subscribe(*wire.READINGS, *wire.BATCHES)
        alerts = bus.subscribe(wire.ALERTS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._redraw())
            group.create_task(self._follow(readings, self._reading))
            group.create_task(self._follow(alerts, self._alert))

    async def _follow(self, inbox: Any, show: Any) -> None:  # noqa: ANN401
        while True:
            for delivery in await inbox.take():
                try:
                    show(delivery.message)
                except MalformedData as error:
                    self.say(f"refused: {error}")
                delivery.ack()

    def _reading(self, message: Message) -> None:
        for reading in wire.unpack(message):
            self._note(reading)

    def _note(self, reading: Reading) -> None:
        """Bring a wearable's line up to date."""
        new = reading.device not in self._rows
        row = self._rows.setdefault(reading.device, Row(reading.subject))
        if new and len(self._rows) <= 8:
            self.say(f"first reading of {reading.device}, worn by {reading.subject}")
        row.records += 1
        if not isinstance(reading.record, Battery):
            row.text = describe(reading.record)
            value = main_value(reading.record)
            if value is not None:
                row.values.append(value)

    def _alert(self, message: Message) -> None:
        """Say that an alert has begun, or what has become of it."""
        if not message.payload:
            return
        alert = wire.read(Alert, message.payload)
        if self._states.get(alert.id) == alert.state:
            return
        self._states[alert.id] = alert.state
        text = alert.evidence.get("text") or alert.condition.replace("_", " ")
        if alert.state == "unacknowledged":
            self.say(f"{WORDS[alert.priority]}  {alert.subject}: {text}")
        else:
            state = alert.state.replace("_", " ")
            name = alert.condition.replace("_", " ")
            self.say(f"            {alert.subject}: {name} is now {state}")

    async def _redraw(self) -> None:
        while True:
            await asyncio.sleep(BLOCK_S if self._live else LINES_S)
            self._erase()
            lines = self._block()
            if lines:
                print("\n".join(lines), flush=True)
            self._drawn = len(lines) if self._live else 0

    def _block(self) -> list[str]:
        """Draw as many wearables as fit."""
        width, height = shutil.get_terminal_size((100, 30))
        room = min(12, height - 12) if self._live else 6
        lines = [""] if self._live else []
        for device, row in list(self._rows.items())[:room]:
            text = f"  {device:14} {row.subject:8} {row.text:34} "
            lines.append((text + sparkline(row.values))[: width - 1])
        if len(self._rows) > room:
            records = sum(row.records for row in self._rows.values())
            more = len(self._rows) - room
            lines.append(f"  and {more} more wearables; {records} records so far")
        return lines

    def _erase(self) -> None:
        """Take the block off the terminal."""
        if self._drawn:
            print(f"\x1b[{self._drawn}F\x1b[0J", end="")
            self._drawn = 0

    def close(self, summary: Mapping[str, Any]) -> None:
        """Say how it went."""
        self.say("done\n")
        print(
            f"  sent {summary['sent']}, stored {summary['stored']}:"
            f" lost {summary['lost']}, duplicates {summary['duplicates']}\n"
            f"  {summary['wearables']} wearables, {summary['alerts']} alerts"
        )
        for place, found in summary["latency_ms"].items():
            p50, p99 = (_ms(found[q]) for q in ("p50", "p99"))
            print(f"  from notification to {place:6}  p50 {p50:9} p99 {p99}")


def describe(record: Record) -> str:
    """Put a record into words.

    >>> describe(HeartRate(t=0, hr=72, rr=(833.0,)))
    '72 /min  RR 833 ms'
    """
    if Flag.OFF_BODY in record.q:
        return "not on the body"
    match record:
        case HeartRate(hr=hr, rr=rr):
            beats = f"  RR {', '.join(f'{i:.0f}' for i in rr)} ms" if rr else ""
            return f"{_number(hr)} /min{beats}"
        case BloodPressure(sys=sys, dia=dia, pulse=pulse):
            return f"{_number(sys)}/{_number(dia)} mmHg  pulse {_number(pulse)}"
        case BodyTemperature(temp=temp, site=site):
            return f"{_number(temp, 1)} °C  {site or ''}"
    return str(main_value(record))


def main_value(record: Record) -> float | None:
    """Give the number that a sparkline draws."""
    for name in ("hr", "sys", "temp", "spo2", "glucose", "level"):
        if (value := getattr(record, name, None)) is not None:
            return float(value)
    return None


def sparkline(values: Sequence[float]) -> str:
    """Draw values between their extremes.

    >>> sparkline([1, 2, 8])
    '▁▂█'
    """
    if not values:
        return ""
    low, span = min(values), max(max(values) - min(values), 1e-9)
    return "".join(BARS[int((v - low) / span * 7.999)] for v in values)


def _ms(value: float | None) -> str:
    return "--" if value is None else f"{value} ms"


def _number(value: float | None, digits: int = 0) -> str:
    return "--" if value is None else f"{value:.{digits}f}"

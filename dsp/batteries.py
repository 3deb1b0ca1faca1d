"""Watches batteries: whose is low, and whose nearly empty."""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from dsp.arrays import I1
from dsp.episodes import grounds, identity, late
from dsp.sentences import drained
from vitals.detection import Dsp
from vitals.model import Anomaly, Battery, Instant, Reading

LOW, CRITICAL = "low", "critical"

Key = tuple[str, str]  # subject, device


class Draining(Struct, frozen=True):
    """A battery that is low, or nearly empty, and has not been charged since."""

    subject: str
    device: str
    grade: str  # LOW or CRITICAL
    begin: Instant
    worst: float  # %


class BatteryWatch:
    """All wearables whose battery somebody should charge or change.

    A grade begins at or below its level, and ends above it by the margin: a level that
    goes to and fro by a percent calls once.  A battery has one grade at a time; that it
    runs down further within its grade is no news.
    """

    def __init__(self, settings: Dsp, saved: Sequence[Draining] = ()) -> None:
        self._levels = {  # %, the worst first
            CRITICAL: settings.battery_critical,
            LOW: settings.battery_low,
        }
        self._margin = settings.battery_margin
        self._late = settings.late_s * 1000
        self._draining: dict[Key, Draining] = {(d.subject, d.device): d for d in saved}

    def observe(
        self, readings: Sequence[Reading], fresh: I1
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that led to each."""
        return [
            (i, anomaly)
            for i, reading in enumerate(readings)
            if isinstance(reading.record, Battery) and fresh[i]
            for anomaly in self._take(reading, reading.record)
        ]

    def save(self) -> list[Draining]:
        """Give what must survive a restart."""
        return list(self._draining.values())

    def _take(self, reading: Reading, record: Battery) -> Iterator[Anomaly]:
        """Take one level; one that is missing says nothing."""
        if record.level is None:
            return
        was = self._draining.pop((reading.subject, reading.device), None)
        now = self._next(was, reading, record.level)
        if now:
            self._draining[reading.subject, reading.device] = now
        if was and now and was.grade == now.grade:
            return
        if was:
            yield self._tell(was, reading, record.level, over=True)
        if now:
            yield self._tell(now, reading, record.level, over=False)

    def _next(
        self, was: Draining | None, reading: Reading, level: float
    ) -> Draining | None:
        """Give what a level makes of a battery."""
        held = was.grade if was else ""
        grade = next((g for g in self._levels if self._holds(g, held, level)), None)
        if grade is None:
            return None
        if was and was.grade == grade:
            return replace(was, worst=min(was.worst, level))
        begin = Instant(reading.record.t)
        return Draining(reading.subject, reading.device, grade, begin, level)

    def _holds(self, grade: str, held: str, level: float) -> bool:
        """Tell whether a level is of a grade, or still of it."""
        bound = self._levels[grade]
        # Whoever was nearly empty is low as well until it is above that too.
        still = held in (grade, CRITICAL)
        return level <= bound or (still and level < min(bound + self._margin, 100))

    def _tell(
        self, found: Draining, reading: Reading, level: float, *, over: bool
    ) -> Anomaly:
        """Make the anomaly of a grade that begins or is over."""
        condition = f"device_battery_{found.grade}"
        whose = found.subject, "battery", condition, found.device, found.begin
        bound = self._levels[found.grade]
        text, chinese = drained(found.device, level, bound, over)
        return Anomaly(
            id=identity(*whose),
            subject=found.subject,
            detector="battery",
            condition=condition,
            kind="technical",
            begin=found.begin,
            t=reading.record.t,
            over=over,
            value=found.worst,
            unit="%",
            late=late(reading.record, self._late),
            evidence={
                "device": found.device,
                "kind": str(reading.kind),
                "limit": bound,
                **grounds(1.0, 0.0, [(reading.record.t, level)]),
                "received": reading.record.received,
                "text": text,
                "text_zh": chinese,
            },
        )

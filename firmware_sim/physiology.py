"""People who do not exist: what their hearts, vessels and temperature do, and when.

Pure and seeded: the same seed and course give the same person, to the last beat.
Time is in seconds since the simulation began, and may be asked for in any order.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from firmware_sim.courses import CHANGES, HOUR_S, Change, level, swing
from vitals.errors import ConfigError
from vitals.simulation import Course

SLOW_S = (211.0, 617.0)  # periods of the slow drift; no small common multiple
JITTER_MS = 6.0  # standard deviation of one beat, beside what breathing does
# Of the RR intervals in atrial fibrillation, relative to their mean; no beat knows
# the one before it.
FIBRILLATION_CV = 0.22
SHORTEST_MS = 280.0  # the atrioventricular node conducts no earlier beat
LONGEST_MS = 63_998.0  # RR interval that fits its 16 bits of 1/1024 s


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is true of a person at one moment."""

    hr: float  # /min
    sys: float  # mmHg
    dia: float  # mmHg
    temp: float  # Cel
    worn: bool = True  # the wearables touch the body
    present: bool = True  # the person is within range of the gateway
    fibrillating: bool = False  # the atria do; beats come at random


class Person:
    """One simulated person, resting unless the course says otherwise.

    Parameters
    ----------
    seed
        Decides the resting values, and the phases of everything that drifts.
    course
        States and their times; states may overlap, the later one in the list wins.
    hour
        Of the day at the beginning, 0 to 24.
    """

    def __init__(
        self, seed: int, course: Sequence[Course] = (), hour: float = 8.0
    ) -> None:
        dice = random.Random(seed)
        self.seed, self.hour = seed, hour
        self.course = tuple(course)
        self._rest = Vitals(
            hr=dice.uniform(63, 73),
            sys=dice.uniform(112, 124),
            dia=dice.uniform(71.5, 79),
            temp=dice.uniform(36.5, 36.8),
        )
        self._breath_hz = dice.uniform(0.20, 0.28)
        self._phases = [dice.uniform(0, math.tau) for _ in range(3)]

    def at(self, seconds: float) -> Vitals:
        """Give what is true of this person at a moment."""
        now = self._resting(seconds)
        for episode in self.course:
            if episode.state in CHANGES and (
                much := level(episode, seconds, self.seed)
            ):
                now = _changed(now, CHANGES[episode.state], much)
        return replace(
            now,
            worn=not self._during("off_body", seconds),
            present=self.present(seconds),
            fibrillating=self._during("fibrillation", seconds),
        )

    def absences(self) -> Iterator[tuple[float, float]]:
        """Give when the person is out of range, as (begin, end), in order, disjoint."""
        gone = [(c.at_s, c.at_s + c.for_s) for c in self.course if c.state == "gone"]
        latest: tuple[float, float] | None = None
        for begin, end in sorted(gone):
            if latest and begin <= latest[1]:
                latest = latest[0], max(latest[1], end)
                continue
            if latest:
                yield latest
            latest = begin, end
        if latest:
            yield latest

    def present(self, seconds: float) -> bool:
        """Tell whether the person is within range of the gateway."""
        return not self._during("gone", seconds)

    def _during(self, state: str, seconds: float) -> bool:
        """Tell whether an on-off state holds."""
        return any(
            c.state == state and c.at_s <= seconds < c.at_s + c.for_s
            for c in self.course
        )

    def _resting(self, seconds: float) -> Vitals:
        """Give the resting values: drift over minutes, the time of day, breathing."""
        slow, slower, breath = self._phases
        drift = (
            math.sin(math.tau * seconds / SLOW_S[0] + slow)
            + math.sin(math.tau * seconds / SLOW_S[1] + slower)
        ) / 2
        # Respiratory sinus arrhythmia: the heart quickens while we breathe in.
        breathing = math.sin(math.tau * self._breath_hz * seconds + breath)
        rest, hour = self._rest, self.hour + seconds / HOUR_S
        return Vitals(
            hr=rest.hr + 3 * drift + 2.5 * breathing + swing("hr", hour),
            sys=rest.sys + 3 * drift + breathing + swing("sys", hour),
            dia=rest.dia + 2 * drift + swing("dia", hour),
            temp=rest.temp + 0.06 * drift + swing("temp", hour),
        )


class Heart:
    """Beats at the rate its person has; gives each RR interval once, in order."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self._dice = random.Random(person.seed)
        self._interval: float | None = None  # ms, of the beat under way
        self._since = 0.0  # ms, since that beat began

    def elapse(self, seconds: float, now: float) -> list[float]:
        """Beat on for a while.

        Parameters
        ----------
        seconds
            How long; it need not follow on what came before: a heart that nobody
            listens to stands still.
        now
            The person's time at the end of it.

        Returns
        -------
        list of float
            RR intervals of the beats that ended in this time, ms, oldest first.
        """
        ended = []
        self._since += 1000 * seconds
        if self._interval is None:
            self._interval = self._draw(now)
        while self._interval is not None and self._since >= self._interval:
            self._since -= self._interval
            ended.append(self._interval)
            self._interval = self._draw(now - self._since / 1000)
        return ended

    def _draw(self, now: float) -> float | None:
        """Choose the next RR interval in ms; None: the heart has none any more."""
        body = self.person.at(now)
        mean = 60_000 / body.hr
        if body.fibrillating:
            drawn = self._dice.gauss(mean, FIBRILLATION_CV * mean)
            return max(SHORTEST_MS, drawn)
        return mean + self._dice.gauss(0, JITTER_MS)


class RecordedHeart(Heart):
    """Beats what another heart beat: each recorded interval once, exactly, in order.

    It never starts again.  When the recording ends there are no more beats.
    """

    def __init__(self, person: Person, intervals: Sequence[float]) -> None:
        super().__init__(person)
        self._recorded = iter(intervals)

    def _draw(self, now: float) -> float | None:
        """Give the next recorded interval."""
        return next(self._recorded, None)


def read_intervals(path: str) -> list[float]:
    """Read RR intervals: one in ms per line, `#` begins a comment.

    Raises
    ------
    ConfigError
        The file cannot be read, has no interval, or a line is no interval.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read RR intervals: {error}") from error
    texts = [(n, line.partition("#")[0].strip()) for n, line in enumerate(lines, 1)]
    intervals = [_interval(text, f"{path}:{n}") for n, text in texts if text]
    if not intervals:
        raise ConfigError(f"{path}: no RR interval in it; write one in ms per line")
    return intervals


def _interval(text: str, where: str) -> float:
    """Read one RR interval in ms."""
    try:
        interval = float(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {text!r} is no RR interval in ms") from error
    if not 1 <= interval <= LONGEST_MS:  # also false for NaN
        raise ConfigError(f"{where}: {text} ms is not within 1 to {LONGEST_MS:g} ms")
    return interval


def _changed(now: Vitals, change: Change, level: float) -> Vitals:
    """Apply a state that has set in to `level`."""

    def to(value: float, goal: float | None, more: float) -> float:
        return value + level * (more if goal is None else goal - value)

    return replace(
        now,
        hr=to(now.hr, change.to_hr, change.hr),
        sys=to(now.sys, change.to_sys, change.sys),
        dia=to(now.dia, change.to_dia, change.dia),
        temp=to(now.temp, change.to_temp, change.temp),
    )

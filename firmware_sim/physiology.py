"""People who do not exist: what their hearts, vessels and temperature do, and when.

Pure and seeded: the same seed and course give the same person, to the last beat.
Time is in seconds since the simulation began, and may be asked for in any order.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vitals.config import Course
from vitals.errors import ConfigError

RAMP_S = 4.0  # how long a state takes to set in, and to wear off
DAY_S = 86_400.0
SLOW_S = (211.0, 617.0)  # periods of the slow drift; no small common multiple
JITTER_MS = 6.0  # standard deviation of one beat, beside what breathing does
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


@dataclass(frozen=True, slots=True)
class Change:
    """What a state makes of the resting values, once it has fully set in."""

    hr: float = 0.0  # added, /min
    sys: float = 0.0
    dia: float = 0.0
    temp: float = 0.0
    to_hr: float | None = None  # reached, whatever the resting value
    to_sys: float | None = None
    to_dia: float | None = None
    to_temp: float | None = None


CHANGES = {
    "exercise": Change(hr=65, sys=45, dia=5, temp=0.3),
    "racing": Change(to_hr=150),
    "hypertension": Change(hr=8, to_sys=190, to_dia=118),
    "fever": Change(hr=18, to_temp=39.2),
}


class Person:
    """One simulated person, resting unless the course says otherwise.

    Parameters
    ----------
    seed
        Decides the resting values, and the phases of everything that drifts.
    course
        States and their times; states may overlap, the later one in the list wins.
    """

    def __init__(self, seed: int, course: Sequence[Course] = ()) -> None:
        dice = random.Random(seed)
        self.seed = seed
        self.course = tuple(course)
        self._rest = Vitals(
            hr=dice.uniform(60, 72),
            sys=dice.uniform(112, 126),
            dia=dice.uniform(70, 80),
            temp=dice.uniform(36.4, 36.8),
        )
        self._breath_hz = dice.uniform(0.20, 0.28)
        self._phases = [dice.uniform(0, math.tau) for _ in range(4)]

    def at(self, seconds: float) -> Vitals:
        """Give what is true of this person at a moment."""
        now = self._resting(seconds)
        for episode in self.course:
            if episode.state in CHANGES and (level := _level(episode, seconds)):
                now = _changed(now, CHANGES[episode.state], level)
        return replace(
            now,
            worn=not self._during("off_body", seconds),
            present=not self._during("gone", seconds),
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

    def _during(self, state: str, seconds: float) -> bool:
        """Tell whether an on-off state holds."""
        return any(
            c.state == state and c.at_s <= seconds < c.at_s + c.for_s
            for c in self.course
        )

    def _resting(self, seconds: float) -> Vitals:
        """Give the resting values: drift over minutes and the day, and breathing."""
        slow, slower, day, breath = self._phases
        drift = (
            math.sin(math.tau * seconds / SLOW_S[0] + slow)
            + math.sin(math.tau * seconds / SLOW_S[1] + slower)
            + math.sin(math.tau * seconds / DAY_S + day)
        ) / 3
        # Respiratory sinus arrhythmia: the heart quickens while we breathe in.
        breathing = math.sin(math.tau * self._breath_hz * seconds + breath)
        rest = self._rest
        return Vitals(
            hr=rest.hr + 4 * drift + 2.5 * breathing,
            sys=rest.sys + 5 * drift + breathing,
            dia=rest.dia + 3 * drift,
            temp=rest.temp + 0.1 * drift,
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
        return 60_000 / self.person.at(now).hr + self._dice.gauss(0, JITTER_MS)


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


def _level(episode: Course, seconds: float) -> float:
    """Give how far a state has set in, 0 to 1: smooth at both ends."""
    rise = (seconds - episode.at_s) / RAMP_S
    fall = (episode.at_s + episode.for_s + RAMP_S - seconds) / RAMP_S
    level = max(0.0, min(1.0, rise, fall))
    return level * level * (3 - 2 * level)


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

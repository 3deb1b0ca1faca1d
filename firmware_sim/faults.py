"""What goes wrong with a wearable, and when: pure and seeded, like its person.

A fault has windows: from `at_s` for `for_s`, again every `every_s`.  What strikes
values one by one does so with its `probability`.  `KINDS` says what each kind does; on
the command line a fault is

    DEVICE:KIND[@AT][+FOR][/EVERY][*PROBABILITY][=AMOUNT]

with `all` for every device: `strap-1:silent@30+10`, `all:lost*0.05`.
"""

import heapq
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from math import ceil, inf
from operator import itemgetter
from typing import Any, TypeAlias

from msgspec import ValidationError, convert

from vitals.errors import ConfigError
from vitals.simulation import SimFault

KINDS = {
    "drop": "the link breaks; out of range for so long",
    "radio_gone": "its radio dies for so long, and starts anew",
    "weak_signal": "AMOUNT dB less (30); advertisements are lost with PROBABILITY",
    "silent": "connected and says nothing, until it is connected to anew",
    "mute": "says nothing, whatever is done",
    "hostile": "answers ATT requests with garbage (all, or those of op code AMOUNT)",
    "battery": "runs empty over the time, then is dead for AMOUNT s (for ever)",
    "lost": "a value is lost on the air",
    "late": "a value is sent AMOUNT s late (3), overtaken by newer ones",
    "doubled": "a value is sent twice",
    "garbled": "a value is cut short, or is noise",
    "unconfirmed": "a confirmation is lost: the reading is indicated again",
    "nan": "it has measured no number",
    "reserved": "it says a number that its format reserves",
    "zero": "off the body: a heart rate of 0, without a word on contact",
    "frozen": "off the body: the last heart rate for ever",
    "random": "off the body: any heart rate",
    "rr_fill": "RR intervals are filled in, and contradict the rate",
    "ectopic": "a beat comes early, the next one late",
    "missed_beat": "a beat is not noticed: two RR intervals are one",
    "clock_off": "its clock is AMOUNT s ahead (3600)",
    "clock_reset": "its clock begins in 2000",
    "clock_jump": "its clock is up to AMOUNT s off, each time (86400)",
}
AMOUNTS = {
    "weak_signal": 30.0,
    "late": 3.0,
    "clock_off": 3600.0,
    "clock_jump": 86_400.0,
    "battery": inf,
}
OUT_OF_REACH = "drop", "radio_gone"  # what takes a link away
Y2000_MS = 946_684_800_000

Window: TypeAlias = tuple[float, float, SimFault]  # begin, end, why

_WORD = re.compile(
    r"(?P<device>[a-z0-9_-]+):(?P<kind>[a-z_]+)(?:@(?P<at_s>[\d.]+))?"
    r"(?:\+(?P<for_s>[\d.]+))?(?:/(?P<every_s>[\d.]+))?"
    r"(?:\*(?P<probability>[\d.]+))?(?:=(?P<amount>-?[\d.]+))?"
)


def parse(word: str) -> tuple[str, SimFault]:
    """Read a fault of the command line; gives its device too.

    >>> device, fault = parse("strap-1:lost@30+10*0.5")
    >>> device, fault.kind, fault.at_s, fault.for_s, fault.probability
    ('strap-1', 'lost', 30.0, 10.0, 0.5)

    Raises
    ------
    ConfigError
        It is not written like one.
    """
    found = _WORD.fullmatch(word)
    if not found:
        raise ConfigError(f"--fault {word}: write strap-1:silent@30+10")
    said: dict[str, Any] = {k: v for k, v in found.groupdict().items() if v}
    device = said.pop("device")
    if said["kind"] not in KINDS:
        raise ConfigError(f"--fault {word}: no such kind; there are {', '.join(KINDS)}")
    try:
        return device, convert(said, SimFault, strict=False)
    except ValidationError as error:
        raise ConfigError(f"--fault {word}: {error}") from error


class Faults:
    """What is wrong with one wearable.  All times are the person's, in s."""

    def __init__(self, faults: Sequence[SimFault] = (), seed: int = 0) -> None:
        self._faults: dict[str, list[SimFault]] = {}
        for fault in faults:
            self._faults.setdefault(fault.kind, []).append(fault)
        self._dice = {kind: random.Random(f"{seed}/{kind}") for kind in KINDS}

    def __bool__(self) -> bool:
        return bool(self._faults)

    def window(self, kind: str, now: float) -> Window | None:
        """Give begin and end of a kind's open window, and its fault."""
        for fault in self._faults.get(kind, ()):
            begin = _begin(fault, now)
            if begin <= now < begin + fault.for_s:
                return begin, begin + fault.for_s, fault
        return None

    def active(self, *kinds: str, now: float) -> bool:
        """Tell whether one of these kinds has a window open."""
        return any(self.window(kind, now) for kind in kinds)

    def strikes(self, kind: str, now: float) -> SimFault | None:
        """Throw the dice for one value; give the fault that strikes it."""
        found = self.window(kind, now) if kind in self._faults else None
        if found and self._dice[kind].random() < found[2].probability:
            return found[2]
        return None

    def windows(self, *kinds: str) -> Iterator[Window]:
        """Give the windows of some kinds in order of their beginnings, maybe for ever.

        One that begins within another is joined to it.
        """
        return _joined(self._each(kinds))

    def _each(self, kinds: Sequence[str]) -> Iterator[Window]:
        """Give every window by itself, in order of their beginnings."""
        coming = [(f.at_s, f) for kind in kinds for f in self._faults.get(kind, ())]
        while coming:
            begin, fault = min(coming, key=lambda c: c[0])
            coming.remove((begin, fault))
            if fault.every_s:
                coming.append((begin + fault.every_s, fault))
            yield begin, begin + fault.for_s, fault

    def dice(self, kind: str) -> random.Random:
        """Give the dice of a kind."""
        return self._dice[kind]

    def clock(self, now: float, true_ms: int) -> int:
        """Give what the wearable's clock shows, ms since 1970, when it is `true_ms`."""
        if found := self.window("clock_reset", now):
            return Y2000_MS + round(1000 * (now - found[0]))
        if found := self.window("clock_off", now):
            return true_ms + round(1000 * amount(found[2]))
        if fault := self.strikes("clock_jump", now):
            most = amount(fault)
            return true_ms + round(1000 * self._dice["clock_jump"].uniform(-most, most))
        return true_ms

    def level(self, now: float, level: int) -> int:
        """Give what is left of the battery, %, where `level` would be."""
        for fault in self._faults.get("battery", ()):
            gone = (now - fault.at_s) / fault.for_s
            if 0 <= gone < 1:
                return ceil(level * (1 - gone))
            if gone >= 1 and now < fault.at_s + fault.for_s + amount(fault):
                return 0
        return level

    def reaches(self, now: float) -> bool:
        """Tell whether its radio is there."""
        dead = "battery" in self._faults and not self.level(now, 100)
        return not dead and not self.active(*OUT_OF_REACH, now=now)

    def unreachable(self) -> Iterator[Window]:
        """Give when its radio is gone, in order: (begin, end, why)."""
        dead = sorted(
            (
                (f.at_s + f.for_s, f.at_s + f.for_s + amount(f), f)
                for f in self._faults.get("battery", ())
            ),
            key=itemgetter(0),
        )
        every = heapq.merge(self._each(OUT_OF_REACH), dead, key=itemgetter(0))
        return _joined(every)


def _joined(windows: Iterable[Window]) -> Iterator[Window]:
    """Make one of those that touch; what lasts for ever is the last."""
    joined: Window | None = None
    for begin, end, fault in windows:
        if joined and joined[1] == inf:
            break
        if joined and begin <= joined[1]:
            joined = joined[0], max(joined[1], end), joined[2]
            continue
        if joined:
            yield joined
        joined = begin, end, fault
    if joined:
        yield joined


def amount(fault: SimFault) -> float:
    """Give a fault's amount, or its kind's."""
    return AMOUNTS[fault.kind] if fault.amount is None else fault.amount


def _begin(fault: SimFault, now: float) -> float:
    """Give the beginning of the window that `now` may lie in."""
    if fault.every_s is None or now < fault.at_s:
        return fault.at_s
    return fault.at_s + (now - fault.at_s) // fault.every_s * fault.every_s

"""What is remembered of one cuff of one person, and what a measurement makes of it."""

from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from dsp import circumstances, crisis, findings
from dsp.arrays import RECENT
from dsp.circumstances import Sight
from dsp.crisis import Crisis, Steps
from dsp.findings import CUFF, Word
from dsp.pressure import Pressure, Taken
from vitals.codes import UNRELIABLE
from vitals.detection import Dsp
from vitals.detection import Pressure as Settings
from vitals.model import Anomaly, Instant, Plan


class Seen(Struct, frozen=True):
    """A condition of some circumstance that is open."""

    condition: str
    begin: Instant


class Cuff(Struct, frozen=True):
    """What is remembered of one cuff of one person."""

    subject: str
    device: str
    recent: tuple[Pressure, ...] = ()  # latest good readings, oldest first
    crisis: Crisis | None = None
    seen: tuple[Seen, ...] = ()
    unusable: Instant | None = None  # since then no reading can be relied on

    @property
    def asked(self) -> bool:
        """Whether a second reading is waited for."""
        return self.crisis is not None and not self.crisis.raised


class Rules(NamedTuple):
    """What all cuffs are held to."""

    steps: Steps
    circumstances: Settings


Said = tuple[Cuff, list[Anomaly]]


def rules(settings: Dsp) -> Rules:
    """Give what the configuration holds cuffs to."""
    own = settings.pressure
    again, wait, soon = (
        int(s * 1000) for s in (own.again_s, own.wait_s, own.extreme_s)
    )
    steps = Steps(own.crisis, again, wait, own.extreme, soon)
    return Rules(steps, own)


def take(
    cuff: Cuff, taken: Taken, plan: Plan, held_to: Rules, *, elsewhere: bool = False
) -> Said:
    """Take one measurement; `elsewhere`: it counts in the crisis of another cuff."""
    cuff, said = lapse(cuff, taken.t, plan, held_to)
    if taken.pressure is not None:
        cuff = replace(cuff, recent=(*cuff.recent, taken.pressure)[-RECENT:])
    for judge in (_usable, *(() if elsewhere else (_crisis,)), _circumstances):
        cuff, more = judge(cuff, taken, plan, held_to)
        said += more
    return cuff, said


def join(cuff: Cuff, device: str, taken: Taken, plan: Plan, held_to: Rules) -> Said:
    """Take what another cuff of the same person has measured, as a word on a crisis."""
    if cuff.crisis is None or _exercising(plan, taken.t):
        return cuff, []
    recent = cuff.recent
    if taken.pressure is not None:
        recent = (*recent, taken.pressure)[-RECENT:]
    seen = replace(cuff, crisis=crisis.joined(cuff.crisis, device), recent=recent)
    now, said = _crisis(seen, taken, plan, held_to)
    return replace(cuff, crisis=now.crisis), said


def lapse(cuff: Cuff, t: Instant, plan: Plan, held_to: Rules) -> Said:
    """Take that it is `t` and no second reading has come."""
    steps, was = held_to.steps, cuff.crisis
    if was is None or was.raised:
        return cuff, []
    word = Word(cuff.subject, cuff.device, was.late, recorded=False)
    if crisis.DETECTOR in plan.off:
        said = _closed(cuff, word, was.begin, held_to)
        return replace(cuff, crisis=None), said
    now, turns = crisis.lapse(was, t, steps)
    said = [findings.crisis(word, turn, steps, cuff.recent) for turn in turns]
    return replace(cuff, crisis=now), said


def restart(cuff: Cuff, taken: Taken, held_to: Rules) -> Said:
    """End all that is open: its times are those of a broken clock."""
    word = _word(cuff, taken)
    said = _closed(cuff, word, taken.t, held_to)
    for seen in cuff.seen:
        said.append(_unseen(cuff, word, seen, taken.t))
    if cuff.unusable is not None:
        begin = cuff.unusable
        said.append(findings.unreliable(word, (), begin, taken.t, over=True))
    return Cuff(cuff.subject, cuff.device), said


def _usable(cuff: Cuff, taken: Taken, plan: Plan, held_to: Rules) -> Said:
    """Ask for another reading in the place of one that is flagged.

    Of one without a value a cuff itself tells whoever wears it.
    """
    good, word = taken.pressure is not None, _word(cuff, taken)
    flagged = UNRELIABLE.intersection(taken.flags)
    if cuff.unusable is None and flagged and CUFF not in plan.off:
        said = findings.unreliable(word, taken.flags, taken.t, taken.t, over=False)
        return replace(cuff, unusable=taken.t), [said]
    if cuff.unusable is not None and (good or CUFF in plan.off):
        begin = cuff.unusable
        said = findings.unreliable(word, taken.flags, begin, taken.t, over=True)
        return replace(cuff, unusable=None), [said]
    return cuff, []


def _crisis(cuff: Cuff, taken: Taken, plan: Plan, held_to: Rules) -> Said:
    """Go through the two steps; in a session its own bounds hold instead."""
    steps, word = held_to.steps, _word(cuff, taken)
    if crisis.DETECTOR in plan.off:
        said = _closed(cuff, word, taken.t, held_to)
        return replace(cuff, crisis=None), said
    if _exercising(plan, taken.t):
        return cuff, []
    now, turns = crisis.take(cuff.crisis, taken, steps)
    said = [findings.crisis(word, turn, steps, cuff.recent) for turn in turns]
    return replace(cuff, crisis=now), said


def _exercising(plan: Plan, t: Instant) -> bool:
    """Tell whether a session's own bounds hold."""
    on = circumstances.session(plan, t) is not None
    return on and circumstances.EXERCISE not in plan.off


def _circumstances(cuff: Cuff, taken: Taken, plan: Plan, held_to: Rules) -> Said:
    """Tell of what a good reading shows first, and of what it no longer shows."""
    if taken.pressure is None:
        return cuff, []
    word, earlier = _word(cuff, taken), cuff.recent[:-1]
    found = circumstances.sights(plan, held_to.circumstances, earlier, taken.pressure)
    shown, known = {s.condition for s in found}, {s.condition for s in cuff.seen}
    said = [
        _unseen(cuff, word, seen, taken.t)
        for seen in cuff.seen
        if seen.condition not in shown
    ]
    fresh = [sight for sight in found if sight.condition not in known]
    said += [
        findings.circumstance(word, sight, taken.t, cuff.recent) for sight in fresh
    ]
    kept = [seen for seen in cuff.seen if seen.condition in shown]
    new = [Seen(sight.condition, taken.t) for sight in fresh]
    return replace(cuff, seen=(*kept, *new)), said


def _closed(cuff: Cuff, word: Word, t: Instant, held_to: Rules) -> list[Anomaly]:
    """End a crisis that is not watched any more."""
    turns = crisis.close(cuff.crisis, t)
    steps, recent = held_to.steps, cuff.recent
    return [findings.crisis(word, turn, steps, recent, off=True) for turn in turns]


def _unseen(cuff: Cuff, word: Word, seen: Seen, t: Instant) -> Anomaly:
    """End the condition of a circumstance."""
    sight = Sight(seen.condition, [], since=seen.begin)
    return findings.circumstance(word, sight, seen.begin, cuff.recent, over=True)


def _word(cuff: Cuff, taken: Taken) -> Word:
    return Word(cuff.subject, cuff.device, taken.late, taken.received)

"""Whom an alert calls, one step after another, until somebody has seen it.  Pure.

Nobody's memory is needed: what was said and what comes next is in the chain, and the
chain is on the disk before anybody is told.  After an hour of darkness all steps that
were missed are taken at once.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from alerts.roster import Roster
from vitals.model import HOUSE, Alert, Instant
from vitals.staff import Step

People = tuple[str, ...]


class Chain(Struct, frozen=True, kw_only=True):
    """How far one call is."""

    base: Instant  # when its present round began, or will
    step: int = 0  # of the round, which comes next
    taken: int = 0  # steps, in all rounds
    told: People = ()  # whom, in order; "" = the whole house
    before: People = ()  # who have heard of earlier calls of this alert
    due: Instant | None = None  # the next step; None: that was all
    planned: Instant = Instant(0)  # when that was decided
    next: People = ()  # whom that would tell, as things stand


def begun(base: Instant, earlier: Chain | None = None) -> Chain:
    """Begin a call; who heard of an earlier one hears of this at once."""
    return Chain(base=base, before=heard(earlier), due=base, planned=base)


def heard(chain: Chain | None) -> People:
    """Give everybody who has heard of the alert."""
    return tuple(dict.fromkeys((*chain.before, *chain.told))) if chain else ()


def ended(chain: Chain) -> Chain:
    """End a call: somebody has seen the alert, or it is over."""
    return replace(chain, due=None, next=())


def afterwards(chain: Chain, alert: Alert, roster: Roster, once: bool) -> Chain:
    """Give what is left of a call whose alert is over and that nobody has seen.

    Parameters
    ----------
    once
        The next has been told since it was over.
    """
    until = roster.returned.get(alert.priority, "stop")
    if until == "until_seen" or not (chain.told or chain.before):
        return chain
    return ended(chain) if once or until == "stop" else chain


def advanced(
    chain: Chain, alert: Alert, roster: Roster, now: Instant
) -> tuple[Chain, People]:
    """Take the steps that are due; give the chain after them, and whom they tell."""
    steps = roster.steps[alert.priority]
    called = list(chain.before if not chain.taken else ())
    step = chain.step
    while step < len(steps) and _at(chain.base, steps[step]) <= now:
        called += roster.on_call(steps[step], alert, now)
        step += 1
    awake = (p for p in called if roster.wakes(p, alert.priority, now) <= now)
    to = tuple(dict.fromkeys(awake))
    after = replace(
        chain,
        step=step,
        taken=chain.taken + step - chain.step,
        told=tuple(dict.fromkeys((*chain.told, *to))),
    )
    return _planned(after, alert, roster, now), to


def handed(chain: Chain, alert: Alert, roster: Roster, now: Instant, to: str) -> Chain:
    """Give the chain after the alert was handed to somebody: they get their time."""
    steps, step = roster.steps[alert.priority], max(1, chain.step)
    after = replace(
        chain,
        base=Instant(now - round(steps[step - 1].after_s * 1000)),
        step=step,
        taken=chain.taken + 1,
        told=tuple(dict.fromkeys((*chain.told, to))),
    )
    return _planned(after, alert, roster, now)


def shown(chain: Chain | None) -> dict[str, object]:
    """Give what an alert says of its call."""
    if chain is None:
        return {}
    said: dict[str, object] = {"step": chain.taken, "told": _named(chain.told)}
    if chain.due is None:
        return said
    return said | {"next": _named(chain.next), "next_at": chain.due}


def _planned(chain: Chain, alert: Alert, roster: Roster, now: Instant) -> Chain:
    """Find the next step, in this round or another, and whom it would tell."""
    steps, repeat = roster.steps[alert.priority], _round_ms(alert, roster)
    if chain.step >= len(steps):
        if not chain.told:  # all are asleep: it begins again when the first wakes
            base = _first_awake(steps, alert, roster, now)
        elif repeat:
            base = Instant(now + repeat)
        else:
            return ended(chain)
        chain = replace(chain, base=base, step=0)
    step = steps[chain.step]
    due = Instant(max(now + 1, _at(chain.base, step)))
    to = tuple(roster.on_call(step, alert, due))
    return replace(chain, due=due, planned=now, next=to)


def _round_ms(alert: Alert, roster: Roster) -> int:
    """Give how long after its last step a round begins again; 0: never.

    What nobody has seen is not forgotten for longer than what somebody has.
    """
    repeat = roster.repeat_ms[alert.priority]
    return repeat or roster.expire_ms[alert.priority]


def _first_awake(
    steps: Sequence[Step], alert: Alert, roster: Roster, now: Instant
) -> Instant:
    """Give when the first of those sleeping may be told."""
    names = [name for step in steps for name in roster.on_call(step, alert, now)]
    return min(roster.wakes(name, alert.priority, now) for name in names)


def _at(base: Instant, step: Step) -> Instant:
    """Give when a step of a round is due."""
    return Instant(base + round(step.after_s * 1000))


def _named(people: Iterable[str]) -> list[str]:
    return [person or HOUSE for person in people]

"""What becomes of a case's waits when the wall clock is not what it was.  Pure.

Waits count what passes, not what a clock shows: a step of the clock leaves as much of
each as there was.  Hours of the day (shifts, quiet hours) and ends that people have
named by the day (maintenance, stand-ins) go by the new clock.
"""

from msgspec.structs import replace

from alerts import calls, rules
from alerts.cases import Case, snoozed_until
from alerts.escalation import Chain
from vitals.model import Instant


def shifted(case: Case, by: int) -> Case:
    """Give a case after the clock has stepped by so many ms, forth or back."""
    seen = None if case.seen is None else Instant(case.seen + by)
    case = replace(case, seen=seen, news=Instant(case.news + by))
    if case.alert.state == "shelved":
        case = _until(case, snoozed_until(case) + by)
    return case if case.chain is None else calls.within(case, _moved(case.chain, by))


def in_time(case: Case, now: Instant) -> Case:
    """Give a case that was written down by a clock that may have been ahead.

    How long nobody has worked is not known then: a wait begins again at most.
    """
    seen = None if case.seen is None else min(case.seen, now)
    case = replace(case, seen=seen, news=min(case.news, now))
    longest = rules.SNOOZE_MINUTES[case.alert.priority][1] * 60_000
    if case.alert.state == "shelved" and snoozed_until(case) > now + longest:
        case = _until(case, now + longest)
    if case.chain is None or case.chain.planned <= now:
        return case
    return calls.within(case, _moved(case.chain, now - case.chain.planned))


def _moved(chain: Chain, by: int) -> Chain:
    """Give a call whose times are others; whoever sleeps wakes by the new clock."""
    asleep = chain.taken and not (chain.told or chain.before)
    by = min(by, 0) if asleep else by
    return replace(
        chain,
        base=Instant(chain.base + by),
        planned=Instant(chain.planned + by),
        due=None if chain.due is None else Instant(chain.due + by),
    )


def _until(case: Case, end: int) -> Case:
    """Give a case whose snooze has another end."""
    escalation = {**case.alert.escalation, "until": end}
    return replace(case, alert=replace(case.alert, escalation=escalation))

"""What each change of a case means for people: whom it calls, and what comes due."""

from msgspec.structs import replace

from alerts import escalation, rules
from alerts.cases import Case, snoozed_until
from alerts.escalation import Chain, People
from alerts.roster import Roster
from vitals.model import Instant

# Each of these begins a call from its first step.
ANEW = frozenset(
    {"opened", "alarm", "rise", "relapse", "unshelve", "release", "restore", "expire"}
)
SHOWN = "step", "told", "next", "next_at"  # of `Alert.escalation`
NO_ONE: People = ()  # in person; the ways that are nobody's own hear of it
UNSEEN = "unacknowledged", "returned_unacknowledged"
NOBODY = None  # not even the ways that are nobody's own


def directed(
    case: Case, why: str, roster: Roster, now: Instant, base: Instant
) -> tuple[Case, People | None]:
    """Give the case with its call brought on, and who must be told of the change.

    Parameters
    ----------
    base
        When a call that begins now takes its first step: now, or in a moment, so that
        what begins together is told together.
    """
    if case.alert.state == "returned_unacknowledged":
        return _over(case, why, roster, now)
    if case.alert.state != "unacknowledged":
        return _seen(case, why)
    chain, to = case.chain, NO_ONE
    if chain is None or why in ANEW:
        chain = escalation.begun(base, chain)
    elif why == "handover":
        return _handed(case, chain, roster, now)
    if why and chain.due is not None and chain.due <= now:
        chain, to = escalation.advanced(chain, case.alert, roster, now)
    return within(case, chain), to


def due(case: Case, roster: Roster) -> Instant | None:
    """Give when something is next to be done about a case without any news of it."""
    alert = case.alert
    if alert.state == "shelved":
        return Instant(snoozed_until(case))
    if alert.state in UNSEEN and case.chain:
        return case.chain.due
    expires = roster.expire_ms[alert.priority]
    if alert.state == "acknowledged" and case.seen is not None and expires:
        expired = Instant(case.seen + expires)
        # Of what nothing was heard since, nothing new can be said.
        return expired if expired - case.news <= rules.STALE_MS else None
    return None


def _over(
    case: Case, why: str, roster: Roster, now: Instant
) -> tuple[Case, People | None]:
    """Go on with the call of what is over and nobody has seen, as far as is wanted."""
    chain, to = case.chain, NO_ONE
    if why == "opened":  # it was over before we heard of it
        chain = escalation.begun(now)
    if chain is None:
        return case, NOBODY
    if why == "handover":
        if chain.due is not None:
            return _handed(case, chain, roster, now)
        return _seen(case, why)
    if why == "returned":
        to = escalation.heard(chain)
    elif why:
        chain, to = escalation.advanced(chain, case.alert, roster, now)
    once = why == "unseen" and bool(to)
    return within(case, escalation.afterwards(chain, case.alert, roster, once)), to


def _seen(case: Case, why: str) -> tuple[Case, People | None]:
    """End the call; who has heard of it hears of this, and nobody else."""
    if case.chain is None:
        return case, NOBODY
    chain = escalation.ended(case.chain)
    if why != "handover":
        return within(case, chain), escalation.heard(chain)
    name = str(case.alert.escalation["to"])
    told = tuple(dict.fromkeys((*chain.told, name)))
    return within(case, replace(chain, told=told)), (name,)


def _handed(
    case: Case, chain: Chain, roster: Roster, now: Instant
) -> tuple[Case, People]:
    """Tell whom the alert was handed to, and give them their time."""
    to = str(case.alert.escalation["to"])
    return within(case, escalation.handed(chain, case.alert, roster, now, to)), (to,)


def within(case: Case, chain: Chain) -> Case:
    """Give the case its call, and the alert what it says of it."""
    kept = {k: v for k, v in case.alert.escalation.items() if k not in SHOWN}
    shown = {**kept, **escalation.shown(chain)}
    return replace(case, chain=chain, alert=replace(case.alert, escalation=shown))

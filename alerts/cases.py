"""One alert and what can be done to it; each function gives the next case."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from alerts import rules
from alerts.escalation import Chain
from alerts.states import MUTED, Event, after
from vitals.model import Alert, AlertCommand, Anomaly, Instant, Priority

Key = tuple[str, str, str]  # subject, condition, device
TOLD = frozenset({"acknowledged", "shelved", "returned_unacknowledged"})
KEEP = 100  # anomalies and decisions of one alert: far more than the bus can repeat


class Episode(Struct, frozen=True, order=True):
    """How much of an anomaly the desk has heard."""

    t: Instant  # of the latest evidence
    over: bool = False


class Case(Struct, frozen=True, kw_only=True):
    """An alert, and what the desk must remember to judge the next news of it."""

    alert: Alert
    device: str  # "" for physiological kinds
    told: float | None  # the value that people were called for, or have seen
    live: dict[str, str] = {}  # by lane: id of the anomaly that is not over
    heard: dict[str, Episode] = {}  # by id: the anomalies that are already in it
    commands: tuple[str, ...] = ()  # the decisions that are already in it
    news: Instant = Instant(0)  # when an anomaly of it was last heard, by our clock
    chain: Chain | None = None  # whom it calls; None: nobody was ever to be told
    seen: Instant | None = None  # when it was acknowledged; None: it is not


class Change(Struct, frozen=True, kw_only=True):
    """What became of a case, and why."""

    case: Case
    why: str  # "opened", "again", an Event, an action, "escalate", "late"; "" = numbers
    by: str = ""
    comment: str = ""
    to: tuple[str, ...] | None = None  # "" = the whole house; None: nobody is told

    @property
    def alert(self) -> Alert:
        """The alert as it is now."""
        return self.case.alert


def of_this_version(case: Case) -> Case:
    """Give a case of version 0.1 what that did not write: all were told, and when seen.

    Without it nobody would hear that it is over, nor again of one that goes on.
    """
    alert = case.alert
    if case.chain is not None or alert.state not in TOLD:
        return case
    seen = Instant(alert.t) if alert.state == "acknowledged" else None
    chain = Chain(base=Instant(alert.t), told=("",))
    return replace(case, chain=chain, seen=case.seen or seen)


def key(case: Case) -> Key:
    """Give the place of a case on the desk."""
    return case.alert.subject, case.alert.condition, case.device


def device(anomaly: Anomaly) -> str:
    """Give what tells two technical alerts of one condition apart."""
    technical = anomaly.kind == "technical"
    return str(anomaly.evidence.get("device", "")) if technical else ""


def lane(anomaly: Anomaly) -> str:
    """Give the source within an alert that has at most one episode at a time.

    A wearable can be silent in heart rates and in battery levels, and a heart can race
    on a strap and on a watch: one alert, over when both say so.  A new episode in a
    lane means that the old one was abandoned.
    """
    source = "kind" if anomaly.kind == "technical" else "device"
    return f"{anomaly.detector}/{anomaly.evidence.get(source, '')}"


def alarm(anomaly: Anomaly, priority: Priority, now: Instant) -> Case:
    """Make the case of an anomaly that nobody knows of yet."""
    alert = Alert(
        id=anomaly.id,
        subject=anomaly.subject,
        condition=anomaly.condition,
        kind=anomaly.kind,
        priority=priority,
        state="unacknowledged",
        since=anomaly.begin,
        t=now,
        value=anomaly.value,
        unit=anomaly.unit,
        evidence=anomaly.evidence,
    )
    case = Case(alert=alert, device=device(anomaly), told=anomaly.value)
    return informed(case, anomaly, now)


def informed(case: Case, anomaly: Anomaly, now: Instant) -> Case:
    """Give the case what the anomaly says; a value that is missing says nothing."""
    value = case.alert.value if anomaly.value is None else anomaly.value
    evidence = {**case.alert.evidence, **anomaly.evidence}
    alert = replace(case.alert, value=value, evidence=evidence, t=now)
    live = {k: v for k, v in case.live.items() if k != lane(anomaly)}
    if not anomaly.over:
        live[lane(anomaly)] = anomaly.id
    heard = {**case.heard, anomaly.id: Episode(Instant(anomaly.t), anomaly.over)}
    heard = dict(list(heard.items())[-KEEP:])
    return replace(case, alert=alert, live=live, heard=heard, news=now)


def belated(anomaly: Anomaly, now: Instant) -> Anomaly:
    """Mark an anomaly that is told although it came late."""
    age = max(0, now - anomaly.t) // 60_000
    mark = {"late": f"measured {age} min before we heard of it"}
    return replace(anomaly, evidence={**anomaly.evidence, **mark})


def relapsed(case: Case, anomaly: Anomaly) -> bool:
    """Tell whether a new episode began after all that people have seen of its lane."""
    seen = case.live.get(lane(anomaly))
    if seen is None or seen == anomaly.id or case.alert.state != "acknowledged":
        return False
    # Evidence may be dated ahead; the hour at which we heard it is not.
    return anomaly.begin > min(case.heard[seen].t, case.news)


def moved(case: Case, event: Event) -> Case:
    """Move the alert through the table; what its old state meant goes with it."""
    alert = case.alert
    state = after(alert.state, event, latching=rules.latches(alert))
    if alert.state == "shelved" and state != "shelved":
        left = {k: v for k, v in alert.escalation.items() if k != "until"}
        alert = replace(alert, escalation=left)
    if state == "unacknowledged" and alert.acknowledged_by:
        case = replace(case, seen=None)
        kept = {k: v for k, v in alert.evidence.items() if k != "false_alarm"}
        alert = replace(alert, acknowledged_by=None, comment=None, evidence=kept)
    quiet = event is Event.RETURNED or (event is Event.ALARM and state == alert.state)
    told = case.told if quiet else alert.value
    return replace(case, alert=replace(alert, state=state), told=told)


def erased(case: Case, now: Instant) -> Case:
    """Give a case that is closed and says nothing of the patient any more.

    What people did, and when, stays.
    """
    alert = replace(
        case.alert, state="normal", t=now, value=None, evidence={}, comment=None
    )
    return replace(case, alert=alert, told=None, live={}, heard={})


def snoozed_until(case: Case) -> int:
    """Give the end of a shelved alert's snooze, in ms."""
    return int(case.alert.escalation.get("until", 0))


def decided(case: Case, command: AlertCommand, now: Instant) -> Case | None:
    """Give the case after a clinician's decision, or None when that comes too late."""
    said = f"{command.t} {command.action} {command.by}"
    if said in case.commands:
        return None
    if command.action not in DECISIONS or case.alert.state in MUTED:
        return None
    after_it = DECISIONS[command.action](case, command, now)
    if after_it is None:
        return None
    comment = command.comment or after_it.alert.comment
    alert = replace(after_it.alert, comment=comment, t=now)
    commands = (*case.commands, said)[-KEEP:]
    return replace(after_it, alert=alert, commands=commands)


def _acknowledge(case: Case, command: AlertCommand, now: Instant) -> Case | None:
    """Keep who has seen the alert; one that nothing is heard of any more closes."""
    case = moved(case, Event.ACKNOWLEDGE)
    silent = now - case.news >= rules.ABANDONED_MS
    if case.alert.kind == "technical" and (silent or case.alert.evidence.get("final")):
        case = moved(case, Event.RETURNED)
    alert = replace(case.alert, acknowledged_by=command.by)
    return replace(case, alert=alert, seen=now)


def _false_alarm(case: Case, command: AlertCommand, now: Instant) -> Case | None:
    """Acknowledge, and mark the evidence for the report on our own alarms."""
    evidence = {**case.alert.evidence, "false_alarm": command.by}
    marked = replace(case, alert=replace(case.alert, evidence=evidence))
    return _acknowledge(marked, command, now)


def _snooze(case: Case, command: AlertCommand, now: Instant) -> Case | None:
    """Silence the alert until an end, at most as long as its priority allows."""
    if case.alert.state == "returned_unacknowledged":
        return _acknowledge(case, command, now)
    length = rules.snooze_ms(case.alert.priority, command.minutes)
    until = min(command.t, now) + length  # a portal's wrong clock must not lengthen it
    if until <= now:
        return None
    case = moved(case, Event.SHELVE)
    escalation = {**case.alert.escalation, "until": until}
    return replace(case, alert=replace(case.alert, escalation=escalation))


def _hand_over(case: Case, command: AlertCommand, now: Instant) -> Case | None:
    """Keep to whom the alert was handed; how far it is stays as it was."""
    escalation = {**case.alert.escalation, "to": command.to}
    return replace(case, alert=replace(case.alert, escalation=escalation))


DECISIONS: dict[str, Callable[[Case, AlertCommand, Instant], Case | None]] = {
    "acknowledge": _acknowledge,
    "false_alarm": _false_alarm,
    "snooze": _snooze,
    "handover": _hand_over,
}

"""The desk where anomalies become alerts, and people's decisions are kept.  Pure.

At most one alert lies open per subject, condition and (technical kinds) device.  News
that was here before changes nothing, so the bus may repeat itself.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from alerts import calls, cases, escalation, rules, waits
from alerts.cases import Case, Change, Episode, Key
from alerts.lateness import Lateness
from alerts.muting import Muting
from alerts.past import Past
from alerts.roster import WHOLE_HOUSE, Roster
from alerts.seen import Seen
from alerts.states import MUTED, Event
from alerts.timers import Timers
from alerts.together import Together
from vitals.errors import MalformedData
from vitals.model import Alert, AlertCommand, Anomaly, Instant, Priority

WAKING = {
    "shelved": Event.UNSHELVE,
    "acknowledged": Event.EXPIRE,
    "unacknowledged": "escalate",
    "returned_unacknowledged": "unseen",
}  # what it is when a case comes due


class Desk:
    """All open alerts.  Each method takes one piece of news and gives what changed.

    Parameters
    ----------
    priorities
        The operator's own, by condition; `rules.PRIORITIES` has the rest.
    lying
        The cases that were open, and those closed within `remembered_ms` or among the
        last, when the desk was last written down.
    roster
        Who can be told, and when.
    muting
        What is suppressed by design or out of service.
    """

    def __init__(
        self,
        priorities: Mapping[str, Priority],
        lying: Iterable[Case] = (),
        roster: Roster = WHOLE_HOUSE,
        muting: Muting | None = None,
    ) -> None:
        self._priorities = priorities
        self._roster, self._muting = roster, muting or Muting()
        self._cases: dict[Key, Case] = {}
        self._keys: dict[str, Key] = {}  # by alert id
        self._timers: Timers[Key] = Timers()
        self._past = Past()  # of alerts that are closed
        self._seen = Seen()
        self._called, self._lateness = Together(), Lateness()
        for case in sorted(lying, key=_word):  # the open one has the last
            self._lay(cases.of_this_version(case))

    def __len__(self) -> int:
        return len(self._cases)

    def open(self) -> list[Alert]:
        """Give all open alerts."""
        return [case.alert for case in self._cases.values()]

    def find(self, alert_id: str) -> Alert | None:
        """Give an open alert."""
        key = self._keys.get(alert_id)
        return self._cases[key].alert if key else None

    def observe(self, anomaly: Anomaly, now: Instant) -> list[Change]:
        """Take a detector's word: open, worsen, calm, close or only record an alert.

        Raises
        ------
        MalformedData
            The anomaly bears the id of an alert of somebody or something else.
        """
        if self._keys.get(anomaly.id, key := _key_of(anomaly)) != key:
            raise MalformedData("the anomaly's id belongs to another alert")
        case = self._cases.get(key)
        told, past = case and case.heard.get(anomaly.id), self._past.get(anomaly.id)
        heard = told or past
        if any(found and _known(anomaly, found, now) for found in (told, past)):
            return []
        late = self._lateness.of(anomaly, now)
        if case and anomaly.id == case.live.get(cases.lane(anomaly)):
            return [self._continue(case, anomaly, late, now)]
        if anomaly.over and (heard or not late):
            return self._end(case, anomaly, now, heard is not None)
        if not late:
            return self._begin(case, anomaly, now)
        if not anomaly.over and self._past.lasts(anomaly.id, now):
            return self._begin(case, cases.belated(anomaly, now), now)
        return self._record(anomaly, now, new=not (heard or self.find(anomaly.id)))

    def command(
        self, alert_id: str, command: AlertCommand, now: Instant
    ) -> list[Change]:
        """Take a clinician's decision; a closed alert is beyond it."""
        key = self._keys.get(alert_id)
        case = cases.decided(self._cases[key], command, now) if key else None
        if case is None:
            return []
        change = self._put(case, command.action, now)
        return [replace(change, by=command.by, comment=command.comment)]

    def tick(self, now: Instant) -> list[Change]:
        """Let the time pass: end what is up, call the next, forget old episodes."""
        self._past.forget(now)
        self._seen.forget(self._roster.expire_ms, now)
        due = [self._cases[key] for key in self._timers.up(now)]
        changes = [self._wake(case, now) for case in due]
        return changes + (self.review(now) if self._muting.ended(now) else [])

    def review(self, now: Instant) -> list[Change]:
        """Mute what is to be muted from now, and let come back what is not."""
        technical = [c for c in self._cases.values() if c.alert.kind == "technical"]
        events = ((case, self._muting.event(case)) for case in technical)
        return [self._move(case, event, now) for case, event in events if event]

    def erase(self, subject: str, by: str, now: Instant) -> list[Change]:
        """Close whatever is open of a patient; nobody is told."""
        mine = [c for c in self._cases.values() if c.alert.subject == subject]
        return [self._erase(case, by, now) for case in mine]

    def shift(self, by: int, now: Instant) -> list[Change]:
        """Let all that waits wait for as long as it had to: the clock has stepped."""
        self._lateness.shift(by, now)
        self._past.shift(by)
        self._seen.shift(by)
        moved = [waits.shifted(case, by) for case in self._cases.values()]
        for case in moved:
            self._lay(case)
        return [Change(case=case, why="") for case in moved]

    def staff(self, roster: Roster) -> None:
        """Follow another roster from the next step of each call."""
        self._roster = roster

    def relieve(self, command: AlertCommand, now: Instant) -> list[Change]:
        """Hand all over that whoever says so was told of or has taken."""
        word = replace(command, action="handover", until=None)
        theirs = [c for c in self._cases.values() if _is_with(c, command.by)]
        ids = [case.alert.id for case in theirs]
        return [change for i in ids for change in self.command(i, word, now)]

    def _begin(self, case: Case | None, anomaly: Anomaly, now: Instant) -> list[Change]:
        """Take an episode that no open alert is about.

        An open alert of the same condition goes over to the new episode: its detector
        has restarted, or the patient has relapsed before anybody looked.
        """
        if case is None:
            priority = rules.priority(anomaly, self._priorities)
            case = cases.alarm(anomaly, priority, now)
            if event := self._muting.event(case):
                return [self._move(case, event, now)]
            known = self._seen.again(case, self._roster.expire_ms, now)
            return [self._put(known or case, "again" if known else "opened", now)]
        current = case.live.get(cases.lane(anomaly))
        if current and anomaly.t < case.heard[current].t <= now:
            return []
        return [self._continue(case, anomaly, late=False, now=now)]

    def _end(
        self, case: Case | None, anomaly: Anomaly, now: Instant, known: bool
    ) -> list[Change]:
        """Take the end of an episode that no open alert is about.

        Its alert is closed, or was taken over by another episode; or the end has come
        before the beginning, and what latches must be seen although it is over.
        """
        self._past.settle([anomaly.id])
        self._past.keep({anomaly.id: Episode(Instant(anomaly.t), over=True)}, now)
        if known or case:
            return []
        priority = rules.priority(anomaly, self._priorities)
        over = cases.moved(cases.alarm(anomaly, priority, now), Event.RETURNED)
        return [] if over.alert.state == "normal" else [self._put(over, "opened", now)]

    def _record(self, anomaly: Anomaly, now: Instant, *, new: bool) -> list[Change]:
        """Make an alert that was closed before anybody could have been told."""
        priority = rules.priority(anomaly, self._priorities)
        case = cases.alarm(anomaly, priority, now)
        self._past.go_on(case.live.values(), now)
        self._past.keep(case.heard, now)
        case = replace(case, alert=replace(case.alert, state="normal"))
        return [Change(case=case, why="late")] if new else []

    def _continue(
        self, case: Case, anomaly: Anomaly, late: bool, now: Instant
    ) -> Change:
        """Take fresh evidence for an open alert, or the word that it is over."""
        event = self._event(case, anomaly)
        was, case = case.alert.state, cases.informed(case, anomaly, now)
        # What is always late and was told nevertheless has no better evidence coming.
        late = late and "late" not in case.alert.evidence
        if case.live and (late or event is Event.RETURNED):
            return self._put(case, "", now)
        case = cases.moved(self._at_priority(case, anomaly), event)
        if case.alert.state == was and (event is not Event.RISE or was in MUTED):
            return self._put(case, "", now)
        return self._put(case, event, now)

    def _event(self, case: Case, anomaly: Anomaly) -> Event:
        """Tell whether it is over, only goes on, or is worse than people know."""
        if anomaly.over:
            return Event.RETURNED
        own = rules.RANK[rules.priority(anomaly, self._priorities)]
        worse = rules.much_worse(anomaly.condition, case.told, anomaly.value)
        rises = worse or own > rules.RANK[case.alert.priority]
        if rises:
            return Event.RISE
        return Event.RELAPSE if cases.relapsed(case, anomaly) else Event.ALARM

    def _at_priority(self, case: Case, anomaly: Anomaly) -> Case:
        """Lift the alert to the anomaly's priority; while open it never sinks."""
        own = rules.priority(anomaly, self._priorities)
        highest = max(own, case.alert.priority, key=rules.RANK.__getitem__)
        return replace(case, alert=replace(case.alert, priority=highest))

    def _wake(self, case: Case, now: Instant) -> Change:
        """End a snooze or an acknowledgement that is up, or call the next."""
        event = WAKING[case.alert.state]
        if isinstance(event, Event):
            return self._move(case, event, now)
        return self._put(case, event, now)

    def _move(self, case: Case, event: Event, now: Instant) -> Change:
        """Move a case for a reason other than its anomaly."""
        case = cases.moved(case, event)
        return self._put(replace(case, alert=replace(case.alert, t=now)), event, now)

    def _erase(self, case: Case, by: str, now: Instant) -> Change:
        """Take a case off the desk."""
        case = cases.erased(case, now)
        self._lay(case)
        return Change(case=case, why="erased", by=by)

    def _put(self, case: Case, why: str, now: Instant) -> Change:
        """Put a case where it belongs, on the desk or off it, and call people."""
        base = self._called.base(case.alert, now) if why == "opened" else now
        case, to = calls.directed(case, why, self._roster, now, base)
        if to and any(to):  # somebody in person
            self._called.note(case.alert, now)
        self._lay(case)
        return Change(case=case, why=why, to=to if why else None)

    def _lay(self, case: Case) -> None:
        """Lay a case down; one that nobody has called for yet begins to call."""
        key, alert = cases.key(case), case.alert
        if alert.state == "normal":
            self._keys.pop(alert.id, None)
            self._cases.pop(key, None)
            self._timers.set(key, None)
            self._seen.close(case)
            self._past.keep(case.heard, Instant(alert.t))
            self._past.go_on(case.live.values(), Instant(alert.t))
            return
        if alert.state == "unacknowledged" and case.chain is None:
            case = replace(case, chain=escalation.begun(Instant(alert.t)))
        self._cases[key], self._keys[alert.id] = case, key
        self._timers.set(key, calls.due(case, self._roster))
        self._past.settle(case.live.values())


def _known(anomaly: Anomaly, heard: Episode, now: Instant) -> bool:
    """Tell whether the anomaly says nothing that was not heard before."""
    said = Episode(Instant(anomaly.t), anomaly.over)
    # Evidence from a future that never came must not outlaw the present.
    return said == heard or (said < heard and heard.t <= now)


def _word(case: Case) -> tuple[bool, int]:
    """Give the order of what was written down of one condition."""
    return _is_open(case), case.alert.t


def _is_open(case: Case) -> bool:
    """Tell whether a case lies on the desk."""
    return case.alert.state != "normal"


def _is_with(case: Case, name: str) -> bool:
    """Tell whether somebody was told of a case or has taken it."""
    mine = escalation.heard(case.chain)
    return name in mine or case.alert.acknowledged_by == name


def _key_of(anomaly: Anomaly) -> Key:
    """Give the place on the desk that an anomaly belongs to."""
    return anomaly.subject, anomaly.condition, cases.device(anomaly)

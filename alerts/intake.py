"""What a message means: it is read, brought before the desk, and kept if it must be."""

import re
from collections.abc import Callable
from typing import ClassVar, TypeVar

from msgspec.structs import replace

from alerts import rules
from alerts.cases import Change
from alerts.desk import Desk
from alerts.equipment import Equipment
from alerts.facts import Fact, Facts
from alerts.ledger import Entry
from alerts.muting import Muting
from alerts.roster import Relief, Roster
from alerts.trials import Trial
from vitals import wire
from vitals.errors import MalformedData
from vitals.model import AlertCommand, Anomaly, Erased, Instant, Plan
from vitals.wire import Message

S = TypeVar("S", Anomaly, AlertCommand, Erased, Plan)
News = Change | Entry | Trial
_ID = re.compile(r"[a-z0-9_-]{1,128}")

DESK = "desk"  # the alert whose commands are about no alert
TEST_MS = 60_000  # after which a test alarm is over
RELIEF_MS = 12 * 3_600_000  # that somebody stands in who does not say for how long


class Intake:
    """Brings news before the desk.

    Parameters
    ----------
    teams
        Who cares for whom, as the roster has it; the plans on the bus change it.
    """

    def __init__(
        self,
        desk: Desk,
        roster: Roster,
        equipment: Equipment,
        facts: Facts,
        muting: Muting,
        teams: dict[str, tuple[str, ...]],
    ) -> None:
        self._desk, self._roster = desk, roster
        self._equipment, self._facts, self._muting = equipment, facts, muting
        self._teams = teams
        self._tests: dict[str, Instant] = {}  # when each subject's test alarm is over

    def take(self, message: Message, now: Instant) -> list[News]:
        """Take a message.

        Raises
        ------
        MalformedData
            It is none that we understand.
        """
        kind = message.topic.rpartition("/")[2]
        return self._KINDS[kind](self, message, now)

    def tick(self, now: Instant) -> list[News]:
        """Let the time pass."""
        news = self._observe(self._equipment.tick(now), now)
        tested = (fact.subject for fact in self._facts.wrong("test_alarm"))
        for subject in [s for s in tested if self._tests.get(s, now) <= now]:
            news += self._tested(subject, False, "", now)
        return [*news, *self._desk.tick(now)]

    def shift(self, by: int, now: Instant) -> list[News]:
        """Let all that waits wait for as long as it had to: the clock has stepped."""
        self._equipment.shift(by)
        self._tests = {s: Instant(t + by) for s, t in self._tests.items()}
        return [*self._desk.shift(by, now)]

    def _anomaly(self, message: Message, now: Instant) -> list[News]:
        return [*self._desk.observe(read_anomaly(message), now)]

    def _status(self, message: Message, now: Instant) -> list[News]:
        return self._observe(self._equipment.take(message, now), now)

    def _plan(self, message: Message, now: Instant) -> list[News]:
        """Learn who cares for a patient; a team that changes hears of the next step."""
        subject = wire.levels(message.topic)[1]
        team = _read(Plan, message).team if message.payload else ()
        self._teams[subject] = team
        return []

    def _erased(self, message: Message, now: Instant) -> list[News]:
        """Forget a patient; what is open of theirs is closed."""
        if message.retain:  # nobody of ours retains it: it would come again for ever
            return []
        subject = wire.levels(message.topic)[1]
        said = _read(Erased, message)
        self._teams.pop(subject, None)
        self._facts.forget(subject)
        return [*self._desk.erase(subject, said.by, now)]

    def _command(self, message: Message, now: Instant) -> list[News]:
        """Carry out a decision."""
        alert_id, command = read_command(message)
        subject = wire.levels(message.topic)[1]
        if alert_id == DESK:
            return self._DEEDS[command.action](self, subject, command, now)
        alert = self._desk.find(alert_id)
        if alert and alert.subject != subject:
            raise MalformedData("the alert belongs to another subject")
        return [*self._desk.command(alert_id, command, now)]

    def _remove(self, subject: str, command: AlertCommand, now: Instant) -> list[News]:
        """Take a device out of service, until an end that is not too far away."""
        until = Instant(min(command.until or 0, now + rules.SERVICE_MS))
        if until <= now:
            return []
        self._muting.remove((subject, command.device or ""), until)
        entry = _entry(command, f"{subject}/{command.device}", str(until), now)
        return [entry, *self._desk.review(now)]

    def _restore(self, subject: str, command: AlertCommand, now: Instant) -> list[News]:
        """Put a device into service before its time."""
        self._muting.restore((subject, command.device or ""))
        entry = _entry(command, f"{subject}/{command.device}", "", now)
        return [entry, *self._desk.review(now)]

    def _relieve(self, _: str, command: AlertCommand, now: Instant) -> list[News]:
        """Let another stand in for somebody from now, and have what they have."""
        to = command.to or ""
        unknown = {command.by, to} - self._roster.people.keys()
        if unknown:
            raise MalformedData(f"nobody in alerts.people is called {min(unknown)}")
        until = Instant(command.until or now + RELIEF_MS)
        relief = Relief(person=command.by, to=to, since=now, until=until)
        reliefs = (*self._roster.reliefs, relief)
        self._roster = replace(self._roster, reliefs=reliefs)
        self._desk.staff(self._roster)
        entry = _entry(command, command.by, wire.encode(relief).decode(), now)
        return [entry, *self._desk.relieve(command, now)]

    def _test(self, subject: str, command: AlertCommand, now: Instant) -> list[News]:
        """Test one channel, or raise a test alarm, which goes the way of all alarms."""
        if command.device:
            return [Trial(command.device, command.by)]
        self._tests[subject] = Instant(now + TEST_MS)
        return self._tested(subject, True, command.by, now)

    def _tested(self, subject: str, wrong: bool, by: str, now: Instant) -> list[News]:
        """Begin or end a test alarm."""
        fact = Fact("test_alarm", DESK, subject)
        found = self._facts.judge(fact, wrong, now, test=True, by=by)
        return self._observe(found, now)

    def _observe(self, found: list[Anomaly], now: Instant) -> list[News]:
        """Bring before the desk what was found out about the equipment."""
        moved = self._desk.review(now) if self._equipment.moved(now) else []
        return [*moved, *(c for a in found for c in self._desk.observe(a, now))]

    _KINDS: ClassVar[dict[str, Callable[["Intake", Message, Instant], list[News]]]] = {
        "anomaly": _anomaly,
        "command": _command,
        "erased": _erased,
        "plan": _plan,
        "status": _status,
    }
    _DEEDS: ClassVar[
        dict[str, Callable[["Intake", str, AlertCommand, Instant], list[News]]]
    ] = {
        "out_of_service": _remove,
        "in_service": _restore,
        "relieve": _relieve,
        "test": _test,
    }


def read_anomaly(message: Message) -> Anomaly:
    """Take an anomaly off its message.

    Raises
    ------
    MalformedData
        It is none, or its topic is somebody else's.
    """
    anomaly = _read(Anomaly, message)
    if not _ID.fullmatch(anomaly.id) or anomaly.id == DESK:
        raise MalformedData("an anomaly's id must match [a-z0-9_-]{1,128}")
    if message.topic != wire.of(anomaly.subject, "anomaly"):
        raise MalformedData("the anomaly is not about the subject of its topic")
    return anomaly


def read_command(message: Message) -> tuple[str, AlertCommand]:
    """Take an alert's id and a decision about it off a message.

    Raises
    ------
    MalformedData
        It is none, or lacks what it needs.
    """
    command, alert_id = _read(AlertCommand, message), wire.levels(message.topic)[3]
    if command.action in ("handover", "relieve") and not command.to:
        raise MalformedData("it must say to whom")
    if (alert_id == DESK) != (command.action in Intake._DEEDS):
        raise MalformedData(
            f"{command.action}: the alert {DESK} is for what is of none"
        )
    if command.action in ("out_of_service", "in_service") and not command.device:
        raise MalformedData("it must say which device")
    if command.action == "out_of_service" and not command.until:
        raise MalformedData("it must say until when")
    return alert_id, command


def _read(noun: type[S], message: Message) -> S:
    """Take a noun off a message of a size that we read."""
    if len(message.payload) > wire.LARGEST:
        size = len(message.payload)
        raise MalformedData(f"{size} octets, at most {wire.LARGEST} allowed")
    return wire.read(noun, message.payload)


def _entry(command: AlertCommand, about: str, new: str, now: Instant) -> Entry:
    """Keep who changed what."""
    return Entry(
        t=now,
        by=command.by,
        what=command.action,
        about=about,
        new=new,
        why=command.comment,
    )

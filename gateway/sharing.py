"""The readings of wearables that many share: held, given to somebody, taken back.

A reading is held from its arrival on; a number it gets once it is given.  When it is
given to somebody else it becomes a new record with a new number, and the old one is to
be withdrawn: entered in error.  Everything happens inside the file's transactions, and
giving only ever adds rows, so that a power cut leaves all of a change or nothing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.assignment import LONGEST, OPEN, Occasion, occasion
from gateway.file import File
from gateway.filing import Content, Filing
from gateway.notification import Notification, Row
from gateway.schema import READINGS
from gateway.tally import Range
from gateway.trail import Line, Trail
from vitals import Kind, MalformedData, Reading, wire
from vitals.assignments import Unassigned
from vitals.config import Wearable
from vitals.model import RECORDS, Assign, CheckIn

OURSELVES = "configuration"  # who says what the file says, in the audit trail
MINUTE = 60_000  # ms
MOVED = 10_000  # readings by one command: its transaction keeps wearables waiting


class _Held(NamedTuple):
    """A row of READINGS: what arrived, and the newest of what became of it."""

    id: int
    device: str
    characteristic: str
    kind: str
    slot: int | None
    t: int
    sure: int
    received: int
    payload: bytes
    raw: bytes
    heard: int | None
    boot: int | None
    given: int | None = None
    subject: str | None = None
    seq: int | None = None

    @property
    def occasion(self) -> Occasion:
        return Occasion(self.t, bool(self.sure), self.slot)


class Sharing:
    """Gives the readings of shared wearables to whose they are."""

    def __init__(self, file: File, filing: Filing) -> None:
        self._file, self._filing = file, filing
        self.trail = Trail(file)

    def take(self, one: Notification) -> Row | None:
        """Take a reading in; give its record if it is known whose it is.

        A streamed value that is known is filed at once: only a spot reading may change
        hands later.
        """
        held = self._arrived(one)
        [subject] = self.trail.whose(held.device, [held.occasion])
        if subject and one.streamed:
            return self._filing.record(_content(held, subject), one.heard)
        held = held._replace(id=self._file.tally.line())
        values = held[:12]
        places = ", ".join("?" * len(values))
        self._file.execute(f"INSERT INTO held VALUES ({places})", values)
        self._file.tally.wait(held.device, 1)
        return self._give(held, subject, one.heard) if subject else None

    # -- words -------------------------------------------------------------------------

    def configure(self, wearables: Iterable[Wearable], now: int) -> list[Row]:
        """Follow the configuration's user slots; what has changed holds from now on."""
        rows: list[Row] = []
        for wearable in wearables:
            device, before = wearable.device, self.trail.slots(wearable.device)
            for slot in sorted({*before, *wearable.users}):
                old, new = before.get(slot), wearable.users.get(slot)
                if old == new and slot in before:
                    continue
                fresh = self.trail.untouched(device, slot)
                since = 0 if fresh else self._from_now_on(device, now)
                said = device, slot, since, OPEN, old, new
                rows += self._follow(Line(now, OURSELVES, "slot", *said))
        return rows

    def _from_now_on(self, device: str, now: int) -> int:
        """Give the time, later than what was measured; our clock may not be set yet."""
        query = "SELECT ifnull(max(t), 0) FROM held WHERE device = ? AND sure"
        [(last,)] = self._file.execute(query, (device,))
        return max(now, int(last) + 1)

    def check_in(self, said: CheckIn, now: int) -> list[Row]:
        """Let a wearable measure somebody for some minutes; give what is theirs."""
        since = said.t
        until = since + round((said.minutes or 0) * MINUTE)
        [old] = self.trail.whose(said.device, [Occasion(since, True)])
        span = said.device, None, since, until
        words = old, said.subject, said.why, said.id
        return self._follow(Line(now, said.by, "check_in", *span, *words))

    def assign(self, said: Assign, now: int) -> list[Row]:
        """Correct whose the readings of a time are; give those that were moved."""
        span = said.device, said.user, said.since, said.until + 1
        words = None, said.subject, said.why, said.id
        return self._follow(Line(now, said.by, "assign", *span, *words))

    def _follow(self, line: Line) -> list[Row]:
        """Note what somebody said, and give the readings to whose they are now.

        A hand's word is done as it stands; for the others what holds at a reading's
        time decides, and a reading whose time is not known stays where a hand put it.
        """
        self.trail.say(line)
        rows: list[Row] = []
        for held, subject in self._now(line):
            if subject != held.subject:
                rows += filter(None, [self._move(held, subject, line)])
        self._file.mark()  # what is marked, the trail keeps
        return rows

    def _now(self, line: Line) -> list[tuple[_Held, str | None]]:
        """Give whose the readings are now that somebody has said something."""
        found = self._within(line)
        if line.what == "assign":
            return [(held, line.subject) for held in found]
        asked = [held for held in found if held.sure or not held.subject]
        subjects = self.trail.whose(line.device, [held.occasion for held in asked])
        return list(zip(asked, subjects, strict=True))

    def _within(self, line: Line) -> list[_Held]:
        """Give the readings that may change hands; a check-in ends those before it.

        Raises
        ------
        MalformedData
            They are too many for one command.
        """
        until = line.since + LONGEST if line.what == "check_in" else line.until
        limit = -1 if line.what == "slot" else MOVED + 1
        found = self._file.execute(
            f"SELECT * FROM {READINGS} WHERE device = ?1 AND t >= ?2 AND t < ?3"
            " AND (?4 IS NULL OR slot = ?4) ORDER BY id LIMIT ?5",
            (line.device, line.since, until, line.slot, limit),
        ).fetchall()
        if len(found) == MOVED + 1 == limit:
            raise MalformedData(f"more than {MOVED} readings: say it of shorter times")
        return [_Held(*row) for row in found]

    def _move(self, held: _Held, subject: str | None, line: Line) -> Row | None:
        row = self._give(held, subject)
        when = held.slot, held.t, held.t, held.subject, subject, line.why
        self.trail.say(Line(line.made, line.who, "reading", held.device, *when))
        return row

    def _give(
        self, held: _Held, subject: str | None, heard: float | None = None
    ) -> Row | None:
        """Give a reading to somebody, or to nobody; take it away from who had it."""
        tally, row = self._file.tally, None
        if subject:
            row = self._filing.record(_content(held, subject), heard)
        self._file.execute(
            "INSERT INTO given VALUES (?, ?, ?, ?)",
            (row.id if row else tally.line(), held.id, subject, row and row.seq),
        )
        if held.subject:
            line = tally.line(), held.given
            self._file.execute("INSERT INTO withdrawal VALUES (?, ?)", line)
        tally.wait(held.device, (subject is None) - (held.subject is None))
        return row

    def _arrived(self, one: Notification) -> _Held:
        record, when = one.reading.record, occasion(one.reading.record)
        return _Held(
            *(0, one.reading.device, one.characteristic, one.reading.kind),
            *(when.slot, when.t, int(when.sure), record.received or record.t),
            *(wire.encode(record), one.raw, one.heard_ms, self._filing.boot()),
        )

    # -- what is to be withdrawn -------------------------------------------------------

    def withdrawals(self) -> list[Reading]:
        """Give the records that were entered in error, and are not withdrawn yet."""
        found = self._file.execute(
            "SELECT given.subject, device, kind, given.seq, payload FROM withdrawal"
            " JOIN given ON given.id = given JOIN held ON held.id = held"
            " ORDER BY withdrawal.id"
        )
        return [self._reading(*row) for row in found]

    def withdrawn(self, device: str, ranges: Sequence[Range]) -> int:
        """Forget what ingest has taken away, also the record if it is here still."""
        done = 0
        for first, last in ranges:
            rows = self._file.execute(
                "SELECT given.id FROM withdrawal JOIN given ON given.id = given"
                " JOIN held ON held.id = held"
                " WHERE device = ? AND given.seq BETWEEN ? AND ?",
                (device, first, last),
            ).fetchall()
            self._file.each("DELETE FROM withdrawal WHERE given = ?", rows)
            gone = self._file.each("DELETE FROM record WHERE id = ?", rows)
            self._file.tally.waiting -= gone if rows else 0
            done += len(rows)
        self._file.mark()
        return done

    def _reading(
        self, subject: str, device: str, kind: str, seq: int, payload: bytes
    ) -> Reading:
        record = wire.read(RECORDS[Kind(kind)], self._filing.numbered(seq, payload))
        return Reading(subject, device, record)

    # -- what may be asked -------------------------------------------------------------

    def unassigned(self, limit: int) -> list[Unassigned]:
        """Give the newest readings of which nobody knows whose they are."""
        found = self._file.execute(
            f"SELECT * FROM {READINGS} WHERE subject IS NULL ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return [_unassigned(_Held(*row)) for row in found]


def _content(held: _Held, subject: str) -> Content:
    return Content(
        device=held.device,
        topic=wire.of(subject, held.device, held.kind),
        characteristic=held.characteristic,
        payload=held.payload,
        raw=held.raw,
        heard=held.heard,
        boot=held.boot,
    )


def _unassigned(held: _Held) -> Unassigned:
    return Unassigned(
        device=held.device,
        t=held.t,
        kind=held.kind,
        user=held.slot,
        sure=bool(held.sure),
    )

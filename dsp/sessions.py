"""Watches exercise sessions: too fast, not heard, how it went, how the heart came down.

What is said comes from the records of heart rate alone; `tick` says what no record can:
that none comes, and how a session went after which none came.
"""

from collections.abc import Iterator, Sequence
from math import nan

import numpy as np

from dsp import arrays, kernels, session_findings
from dsp.arrays import (
    DEVICE_EVENT,
    END,
    EVENT,
    F8,
    HIGH,
    I8,
    ON,
    RULE,
    Block,
    One,
    Records,
    Settings,
)
from dsp.block import BAD
from dsp.calendars import Term
from dsp.defects import Defects
from dsp.episodes import late
from dsp.limits import COLUMN
from dsp.seats import Kept, Seats, Slow
from dsp.session import CONTACT, KNOWN, LOG, Heard, contact_of, log_of
from dsp.session_findings import Effort, Spell
from vitals.codes import Metric
from vitals.detection import Dsp
from vitals.model import Anomaly, Instant, Reading

HEART_RATE = COLUMN[Metric.HEART_RATE.value]
MARGIN = 5  # /min below a session's limit before it may be over (ours)
GAP = 30_000  # ms without a good value that its hold survives (ours)
ROOM = 1024  # events that one call of the kernel can give
UNKNOWN = -1  # an arrival before this process started

Found = list[tuple[int, Anomaly]]


class SessionWatch:
    """All sessions that are on.

    Two devices on one patient are judged apart; the signal is lost when neither hears.
    """

    def __init__(
        self, settings: Dsp, defects: Defects, kept: Kept | None = None
    ) -> None:
        self._defects, kept = defects, kept or Kept()
        self._hold = int(settings.session_hold_s * 1000)
        self._patience = int(settings.session_signal_s * 1000)
        self._drop = settings.session_drop
        self._late = int(settings.late_s * 1000)
        self._settings = Settings(1.0, 1.0, 1, 1, 1, BAD)
        self._seats = Seats(kept)
        self._slow = dict(kept.slow)
        self._log, self._vital = np.zeros(0, LOG), arrays.state(0, 1)
        self._contact = np.zeros(0, CONTACT)
        self._heard_at = np.zeros(0, np.int64)  # ms of the steady clock
        self._grow()

    def observe(
        self,
        readings: Sequence[Reading],
        samples: tuple[Block, I8, I8],
        terms: Sequence[Term],
        steady: int,
    ) -> Found:
        """Give anomalies with the index of the reading that led to each.

        `samples` are a block whose `signal` is the place in `SIGNALS`, each sample's
        index into `readings`, and its place in `terms` or -1.
        """
        block, source, place = samples
        known = [*self._seats.rows(), *block.patient[place >= 0].tolist()]
        if not known:
            return []
        mine = np.isin(block.patient, known) & (block.signal == HEART_RATE)
        if not mine.any():
            return []
        turns = self._seats.turns(readings, samples, terms, np.flatnonzero(mine))
        self._grow()
        value = np.where(block.quality & BAD == 0, block.value, nan)
        log, contact = (_heard(block.t, value, pairs) for pairs in turns.heard)
        kernels.exercise(self._log, log)
        self._heard_at[contact.row[~np.isnan(contact.value)]] = steady
        index = [source[[k for k, _ in pairs]] for pairs in turns.heard]
        found = self._strive(readings, log, index[0])
        found += self._listen(readings, contact, index[1])
        for i, row in turns.told:
            found += [(i, a) for a in self._report(row, readings[i])]
        for i, row in turns.over:
            found += [(i, a) for a in self._close(row, readings[i])]
        self._leave([row for _, row in turns.over], turns.left)
        return found

    def tick(self, terms: Sequence[Term], now: Instant, steady: int) -> list[Anomaly]:
        """Give what no record says.

        `terms` are the sessions that are on, `now` is our own clock's ms; a signal is
        lost by both clocks or not at all.
        """
        for term in terms:
            self._seats.sit(term)
        self._grow()
        on = {(t.subject, t.session.id, t.session.begin) for t in terms}
        self._heard_at[self._heard_at == UNKNOWN] = steady
        said: list[Anomaly] = []
        left = []
        for row, seen in enumerate(self._seats.contacts):
            with self._defects.apart(seen.subject):
                if (seen.subject, seen.session.id, seen.session.begin) not in on:
                    left += [row] if now > seen.session.end + self._late else []
                    until = min(now, seen.session.end)
                    said += self._found_again(row, Instant(until))
                elif steady - self._heard_at[row] > self._patience:
                    said += self._lose(row, now)
        logs = self._seats.logs
        stale = [
            n for n, s in enumerate(logs) if now > s.session.end + KNOWN + self._late
        ]
        for row in stale:
            with self._defects.apart(logs[row].subject):
                said += self._close(row, None)
        self._leave(stale, left)
        return said

    def save(self) -> tuple[Kept, dict[str, Records]]:
        """Give the names, and copies of what is remembered."""
        state = {"log": self._log, "contact": self._contact, "vital": self._vital}
        return self._seats.kept(self._slow), {k: v.copy() for k, v in state.items()}

    def load(self, log: Records, contact: Records, vital: Records) -> None:
        """Take back the state that `save` gave; the names are the constructor's."""
        self._log, self._contact, self._vital = log, contact, vital

    def _strive(self, readings: Sequence[Reading], heard: Heard, source: I8) -> Found:
        """Hold heart rates to their sessions' own limits."""
        zeros = np.zeros_like(heard.t)
        block = Block(heard.row, zeros, heard.t, heard.value, zeros)
        rules, events = self._rules(), np.zeros(ROOM, EVENT)
        cursor, found = np.zeros(1, np.int64), []
        while cursor[0] < block.t.size:
            n = kernels.step(self._vital, rules, self._settings, block, events, cursor)
            for e in events[:n]:
                i, row = int(source[e["sample"]]), int(block.patient[e["sample"]])
                found.append(
                    (i, self._too_fast(row, e, bool(e["what"] == END), readings[i]))
                )
        return found

    def _rules(self) -> Records:
        """Give what the rows are held to."""
        logs = self._seats.logs
        rules = np.zeros((len(logs), 1), RULE)
        limits = [s.session.limit for s in logs]
        rules["bound"][:, 0, 0] = nan
        rules["bound"][:, 0, HIGH] = [nan if x is None else x for x in limits]
        rules["night"] = rules["bound"]
        rules["hold"], rules["margin"], rules["gap"] = self._hold, MARGIN, GAP
        rules["spread"] = nan
        return rules

    def _listen(self, readings: Sequence[Reading], heard: Heard, source: I8) -> Found:
        """Give the losses of the signal that heart rates end."""
        events = np.zeros(2 * heard.t.size, DEVICE_EVENT)
        n = kernels.contact(self._contact, heard, self._patience, events)
        found = []
        for k, _, what, begin, t in events[:n].tolist():
            i, row = int(source[k]), int(heard.row[k])
            is_late = late(readings[i].record, self._late)
            spell = Spell(begin, t, what == END, is_late)
            found.append((i, self._signal(row, spell)))
        return found

    def _lose(self, row: int, now: Instant) -> Iterator[Anomaly]:
        """Take that no heart rate has come for too long by our own clock."""
        s = self._contact[row]
        last = int(s["last"])
        if not s["lost"] and now - last > self._patience:
            s["lost"], s["since"] = 1, last
            yield self._signal(row, Spell(last, last + self._patience, False, False))

    def _found_again(self, row: int, until: Instant) -> Iterator[Anomaly]:
        """Take that a session is over whose signal may be lost."""
        s = self._contact[row]
        if s["lost"]:
            s["lost"], s["last"] = 0, max(int(s["last"]), until)
            yield self._signal(row, Spell(int(s["since"]), until, True, False))

    def _report(self, row: int, reading: Reading | None) -> Iterator[Anomaly]:
        """Say once how a session went."""
        seen, log = self._seats.logs[row], self._log[row]
        if seen.told:
            return
        seen.told = True
        yield session_findings.summary(seen, log)
        drop = session_findings.drop(log)
        if drop is None:
            return
        name = f"{seen.subject}/{seen.device}"
        was, slow = self._slow.get(name), drop <= self._drop
        if slow and not was:
            was = Slow(Instant(seen.session.end), seen.session.id)
            self._slow[name] = was
        if was:
            fallen, is_late = (drop, self._drop), self._is_late(reading)
            yield session_findings.recovery(seen, was, fallen, is_late)
        if not slow:
            self._slow.pop(name, None)

    def _close(self, row: int, reading: Reading | None) -> Iterator[Anomaly]:
        """Say what is left to say of a session that is over, and its recovery."""
        yield from self._report(row, reading)
        s = self._vital[row, 0]
        if s["phase"][HIGH] >= ON:
            yield self._too_fast(row, s, True, reading)

    def _leave(self, logs: Sequence[int], contacts: Sequence[int]) -> None:
        """Forget the rows that are over."""
        if not (logs or contacts):
            return
        stay = self._seats.leave(logs, contacts)
        self._log, self._vital = self._log[stay[0]], self._vital[stay[0]]
        self._contact, self._heard_at = self._contact[stay[1]], self._heard_at[stay[1]]

    def _grow(self) -> None:
        """Make room for the rows that are new."""
        logs, contacts = self._seats.logs, self._seats.contacts
        for seen in logs[len(self._log) :]:
            self._log = np.append(self._log, log_of(seen.session))
            self._vital = np.append(self._vital, arrays.state(1, 1), axis=0)
        for seen in contacts[len(self._contact) :]:
            self._contact = np.append(self._contact, contact_of(seen.session))
        new = len(contacts) - len(self._heard_at)
        self._heard_at = np.append(self._heard_at, np.full(new, UNKNOWN))

    def _too_fast(
        self, row: int, e: One, over: bool, reading: Reading | None
    ) -> Anomaly:
        """Make the anomaly of a rate at or above its session's limit.

        `e` is an EVENT, or the STATE of what is open when its session is over.
        """
        seen, mine = self._seats.logs[row], e.dtype == EVENT
        begin, worst, good, count = (
            e[name] if mine else e[name][HIGH]
            for name in ("begin", "worst", "good", "seen")
        )
        last = int(self._vital[row, 0]["last"])
        t = last if reading is None or not mine else reading.record.t
        limit, share = float(seen.session.limit or nan), round(float(good / count), 3)
        effort = Effort(float(worst), limit, self._hold / 1000, share)
        spell = Spell(int(begin), t, over, self._is_late(reading))
        return session_findings.too_fast(seen, spell, effort)

    def _signal(self, row: int, spell: Spell) -> Anomaly:
        """Make the anomaly of a signal that is lost, or found again."""
        seen = self._seats.contacts[row]
        return session_findings.signal(seen, spell, self._patience / 1000)

    def _is_late(self, reading: Reading | None) -> bool:
        return reading is not None and late(reading.record, self._late)


def _heard(t: I8, value: F8, pairs: Sequence[tuple[int, int]]) -> Heard:
    """Give the samples of rows: each pair is a sample's place, and its row."""
    table = np.array(pairs, np.int64).reshape(-1, 2)
    k = table[:, 0]
    return Heard(table[:, 1].copy(), t[k], value[k])

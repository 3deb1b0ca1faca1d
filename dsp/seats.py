"""Who is in which session: rows that come with a session, and go with it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from dsp.arrays import I8, Block
from dsp.calendars import Term
from dsp.session import KNOWN
from vitals.model import Instant, Reading, Session


class Seen(Struct):
    """A session as one device sees it, or all of a patient's devices together."""

    subject: str
    device: str  # "": all
    session: Session
    row: int  # of the patient's signal; -1: all
    told: bool = False  # how it went


class Slow(Struct, frozen=True):
    """A slow recovery that no later session has made up for."""

    begin: Instant
    session: str


class Kept(Struct, frozen=True):
    """The names of a saved watch."""

    logs: list[Seen] = []
    contacts: list[Seen] = []
    slow: dict[str, Slow] = {}  # by subject and device


Pairs = list[tuple[int, int]]


class Turns(NamedTuple):
    """What a block's samples bring about, in their order."""

    heard: tuple[Pairs, Pairs]  # sample and row, of logs and of contacts
    told: Pairs  # reading and row of a log that is complete
    over: Pairs  # reading and row of a log whose recovery is over, too
    left: list[int]  # rows of contacts that are over


class Seats:
    """A log for each device in a session, and a contact for each patient in one."""

    def __init__(self, kept: Kept) -> None:
        self.logs, self.contacts = list(kept.logs), list(kept.contacts)
        self._log: dict[int, int] = {}  # by the row of the patient's signal
        self._contact: dict[str, int] = {}  # by subject
        self._index()

    def rows(self) -> list[int]:
        """Give the rows of patients' signals that have a log."""
        return list(self._log)

    def kept(self, slow: Mapping[str, Slow]) -> Kept:
        """Give what must survive a restart."""
        return Kept(list(self.logs), list(self.contacts), dict(slow))

    def sit(self, term: Term) -> None:
        """Await a patient's heart in a session."""
        row = self._contact.get(term.subject)
        if row is None or self.contacts[row].session != term.session:
            self._contact[term.subject] = len(self.contacts)
            self.contacts.append(Seen(term.subject, "", term.session, -1))

    def turns(
        self,
        readings: Sequence[Reading],
        samples: tuple[Block, I8, I8],
        terms: Sequence[Term],
        mine: I8,
    ) -> Turns:
        """Give each of these samples its rows; see `SessionWatch.observe`."""
        block, source, place = samples
        turns = Turns(([], []), [], [], [])
        for k in mine.tolist():
            i, t = int(source[k]), int(block.t[k])
            term = terms[place[k]] if place[k] >= 0 else None
            whose = int(block.patient[k]), readings[i]
            self._listen(turns, k, t, whose[1].subject, term)
            log = self._log.get(whose[0])
            if log is not None and _is_past(self.logs[log], term, t):
                turns.over.append((i, log))
                del self._log[whose[0]]
                log = None
            if log is None and term:
                log = self._log[whose[0]] = len(self.logs)
                device = whose[1].device
                self.logs.append(Seen(term.subject, device, term.session, whose[0]))
            if log is None:
                continue
            turns.heard[0].append((k, log))
            if t >= self.logs[log].session.end + KNOWN and not self.logs[log].told:
                turns.told.append((i, log))
        return turns

    def leave(self, logs: Sequence[int], contacts: Sequence[int]) -> tuple[I8, I8]:
        """Take rows away; give those that stay, of each."""
        gone = set(logs), set(contacts)
        stay = [
            np.array([n for n in range(len(rows)) if n not in left], np.int64)
            for rows, left in zip((self.logs, self.contacts), gone, strict=True)
        ]
        self.logs = [self.logs[n] for n in stay[0]]
        self.contacts = [self.contacts[n] for n in stay[1]]
        self._index()
        return stay[0], stay[1]

    def _listen(
        self, turns: Turns, k: int, t: int, subject: str, term: Term | None
    ) -> None:
        """Give a sample to its patient's contact; it may end what an older one lost."""
        row = self._contact.get(subject)
        if row is not None:
            turns.heard[1].append((k, row))
            if _is_past(self.contacts[row], term, t):
                turns.left.append(row)
                del self._contact[subject]
                row = None
        if row is None and term:
            self.sit(term)
            turns.heard[1].append((k, self._contact[subject]))

    def _index(self) -> None:
        self._log = {seen.row: n for n, seen in enumerate(self.logs)}
        self._contact = {seen.subject: n for n, seen in enumerate(self.contacts)}


def _is_past(seen: Seen, term: Term | None, t: int) -> bool:
    """Tell whether a moment in `term`, or in none, lies after a session."""
    if term is None:
        return t >= seen.session.end
    return term.session.begin != seen.session.begin and t >= seen.session.begin

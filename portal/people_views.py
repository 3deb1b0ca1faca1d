"""What the API says of people: sessions, grants, the audit log, accounts."""

from msgspec import Struct


class SessionView(Struct, frozen=True, kw_only=True):
    """One log-in of yours that is still open."""

    id: str
    began: str
    expires: str
    agent: str  # the program, by its own word
    current: bool  # the one that asks


class GrantView(Struct, frozen=True, kw_only=True):
    """What a patient shares with somebody."""

    id: str
    subject: str
    label: str
    holder: str | None  # None: nobody has accepted yet
    metrics: tuple[str, ...]  # wire names, and "alerts"
    began: str
    expires: str
    revoked: str | None
    link: str | None = None  # once, in the answer to the invitation


class EntryView(Struct, frozen=True):
    """One line of the audit log: who did what with whose data."""

    t: str
    who: str
    role: str
    deed: str
    subject: str  # "": nobody's
    what: str


class PersonView(Struct, frozen=True):
    """Somebody who may log in."""

    name: str
    role: str
    subjects: list[str]


class MadeView(Struct, frozen=True):
    """A patient who was just made."""

    subject: str
    name: str


class SessionList(Struct, frozen=True):
    """A page of sessions."""

    items: list[SessionView]
    next: str | None = None


class GrantList(Struct, frozen=True):
    """A page of grants."""

    items: list[GrantView]
    next: str | None = None


class EntryList(Struct, frozen=True):
    """A page of the audit log."""

    items: list[EntryView]
    next: str | None = None


class PersonList(Struct, frozen=True):
    """A page of people."""

    items: list[PersonView]
    next: str | None = None


NOUNS = (EntryList, GrantList, GrantView, MadeView, PersonList, SessionList)

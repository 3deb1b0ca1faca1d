"""Which channel tells whom of a change, and what is told in one message.  Pure.

A channel is somebody's own when they name it; all others are the house's.  The house's
hear of everything that they care for; somebody's own of what that person is told, and
of what the whole house is.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, json
from msgspec.structs import replace

from alerts import rules
from alerts.cases import Change
from alerts.channels import CALLS
from alerts.roster import EVERYBODY
from vitals.model import Alert

LOG = "log"  # reaches nobody who could act


class Letter(Struct, frozen=True, kw_only=True):
    """What one channel is to tell one recipient."""

    alert: str
    version: int
    channel: str
    to: str
    why: str
    body: bytes


Kept = tuple[Change, int]  # and the version of its alert
Way = tuple[str, str]  # a channel, and whom it tells


class Post:
    """Addresses changes.

    Parameters
    ----------
    hears
        What each channel is told of, by its name: values of `Change.why`.
    own
        The channels of each person; none: the house's.
    about
        The one patient that a channel may be told about; of others it hears nothing.
    family
        People who hear of their own patient alone.
    """

    def __init__(
        self,
        hears: Mapping[str, frozenset[str]],
        own: Mapping[str, Sequence[str]] | None = None,
        about: Mapping[str, str] | None = None,
        family: Container[str] = (),
    ) -> None:
        self._hears, self._own = hears, dict(own or {})
        self._about = about or {}
        self._personal = {name for ways in self._own.values() for name in ways}
        works = {w for p, ways in self._own.items() if p not in family for w in ways}
        # Whose patient is told on these nobody has said: only what they are told.
        self._kin = self._personal - works - self._about.keys()
        house = hears.keys() - self._personal - self._about.keys() - {LOG}
        # Who has no way of their own is reached by the house's, else by everybody's.
        self._anyhow = () if house else tuple(sorted(self._personal - self._kin))
        self._house = sorted(house)

    @property
    def channels(self) -> Iterable[str]:
        """Give the names of all channels."""
        return self._hears.keys()

    @property
    def staffed(self) -> Iterable[str]:
        """Give the names of those that tell who works here."""
        return self._hears.keys() - self._about.keys() - self._kin - {LOG}

    def instead(self, to: str, why: str, subject: str) -> list[Way]:
        """Give the ways to tell what one that is there no more was to tell somebody.

        Their own come first; else the house's, then everybody's.
        """
        own = [(channel, to) for channel in self._own.get(to, ())]
        house = [(c, to if why == "handover" else EVERYBODY) for c in self._house]
        anyhow = [(channel, EVERYBODY) for channel in self._anyhow]
        fit = (
            [w for w in ways if self._fits(w[0], why, subject)]
            for ways in (own, house, anyhow)
        )
        return next(filter(None, fit), [])

    def letters(self, changes: Iterable[Kept]) -> Iterator[Letter]:
        """Give what is to be told of changes that were written down together."""
        piles: dict[tuple[str, ...], list[Kept]] = {}
        for change, version in changes:
            for channel in self._hears:
                for to in self._recipients(change, channel):
                    pile = _pile(change, version, channel, to)
                    piles.setdefault(pile, []).append((change, version))
        for (channel, to, *_), together in piles.items():
            yield _letter(channel, to, together)

    def _recipients(self, change: Change, channel: str) -> list[str]:
        """Give whom a channel tells of a change."""
        if change.to is None:
            return []
        if self._about.get(channel, change.alert.subject) != change.alert.subject:
            return []
        hears = change.why in self._hears[channel]
        if channel in self._about and channel not in self._personal:
            # A patient's own, and nobody's of ours: that it is over they know.
            return [EVERYBODY] if hears and change.why != "unseen" else []
        if change.why == "handover" and channel not in self._personal:
            return [p for p in change.to if channel != LOG and not self._own.get(p)]
        if channel not in self._personal:
            return [EVERYBODY] if hears else []
        if not hears and change.why != "handover":
            return []
        return [p for p in change.to if self._reaches(channel, p)]

    def _fits(self, channel: str, why: str, subject: str) -> bool:
        """Tell whether a channel is told of such things about a subject."""
        hears = why == "handover" or why in self._hears[channel]
        return hears and self._about.get(channel, subject) == subject

    def _reaches(self, channel: str, name: str) -> bool:
        """Tell whether a channel that is somebody's own tells a person, or all."""
        if name == EVERYBODY:
            return channel not in self._kin
        return channel in (self._own.get(name) or self._anyhow)


def _pile(change: Change, version: int, channel: str, to: str) -> tuple[str, ...]:
    """Give what is told in one message: a person's new alerts of one patient."""
    if to != EVERYBODY and change.why in CALLS:
        return channel, to, change.alert.subject
    return channel, to, change.alert.subject, change.alert.id, str(version)


def _letter(channel: str, to: str, pile: Sequence[Kept]) -> Letter:
    """Make one message of what is told together: the most urgent, and the others."""
    latest = {change.alert.id: (change, version) for change, version in pile}
    ranked = sorted(latest.values(), key=lambda c: -rules.RANK[c[0].alert.priority])
    (first, version), *rest = ranked
    return Letter(
        alert=first.alert.id,
        version=version,
        channel=channel,
        to=to,
        why=str(first.why),
        body=json.encode(_with(first.alert, [change.alert for change, _ in rest])),
    )


def _with(alert: Alert, others: Sequence[Alert]) -> Alert:
    """Let an alert name those that began together with it."""
    if not others:
        return alert
    names = [
        {"id": a.id, "condition": a.condition, "priority": a.priority} for a in others
    ]
    return replace(alert, evidence={**alert.evidence, "together": names})

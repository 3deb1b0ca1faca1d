"""Technical episodes that the engine sees by itself, each told as an anomaly.  Pure.

What is true is judged again and again; an anomaly comes out when it begins, now and
then while it lasts, and when it is over.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from alerts.cases import Case
from vitals.model import HOUSE, Anomaly, Instant

DETECTOR = "equipment"
LASTS_MS = 10 * 60_000  # between two words that it still lasts


class Facts:
    """What is wrong at present.

    Parameters
    ----------
    lying
        The open cases: those of ours go on where they were.
    """

    def __init__(self, lying: Iterable[Case] = ()) -> None:
        self._wrong = dict(_ours(lying))

    def judge(
        self, what: "Fact", wrong: bool | None, now: Instant, **evidence: object
    ) -> list[Anomaly]:
        """Take what is so now; `None`: nobody can tell, and nothing changes."""
        known = self._wrong.get(what)
        if wrong is None or (not wrong and known is None):
            return []
        if not wrong:
            del self._wrong[what]
            return [replace(known, t=now, over=True)] if known else []
        if known and 0 <= now - known.t < LASTS_MS:
            return []
        self._wrong[what] = _anomaly(what, known, now, evidence)
        return [self._wrong[what]]

    def forget(self, subject: str) -> None:
        """Forget what was wrong with a patient's things."""
        known = self._wrong.items()
        self._wrong = {fact: a for fact, a in known if fact.subject != subject}

    def wrong(self, condition: str) -> list["Fact"]:
        """Give what is wrong in one way."""
        return [fact for fact in self._wrong if fact.condition == condition]


class Fact(Struct, frozen=True):
    """Something that can be wrong with a thing."""

    condition: str
    thing: str  # a device, gateway, stage or channel
    subject: str = HOUSE


def _anomaly(
    what: Fact, known: Anomaly | None, now: Instant, evidence: dict[str, object]
) -> Anomaly:
    """Say that something is wrong, or still is."""
    begin = Instant(known.begin) if known else now
    return Anomaly(
        id=known.id if known else f"{what.condition}-{what.thing}-{begin}",
        subject=what.subject,
        detector=DETECTOR,
        condition=what.condition,
        kind="technical",
        begin=begin,
        t=now,
        evidence={"device": what.thing, **evidence},
    )


def _ours(lying: Iterable[Case]) -> Iterable[tuple[Fact, Anomaly]]:
    """Find our episodes in the open cases."""
    for case in lying:
        alert, found = case.alert, case.live.get(f"{DETECTOR}/")
        if found and alert.state != "normal":
            fact = Fact(alert.condition, case.device, alert.subject)
            known = _anomaly(fact, None, Instant(alert.since), {})
            yield fact, replace(known, id=found)

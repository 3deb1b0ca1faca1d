"""What our own alerts cost the people whom they call: the burden report.  Pure.

The published figures that it stands beside: a home programme for high blood pressure
(JMIR Med Inform 2025, e66066; 174 patients, 207 days) gave 0.48 alerts a patient and
day, of which 0.10 were left for people.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import quantiles

from msgspec import Struct, field

from vitals.model import Instant

PUBLISHED = {"alerts": 0.48, "for_people": 0.10}  # a patient and day
DAY = 86_400_000  # ms
PERSONS = frozenset({"acknowledge", "snooze", "false_alarm", "handover"})
SEEN = frozenset({"acknowledge", "false_alarm"})


class Happening(Struct, frozen=True):
    """One event of one alert, and what the alert is about."""

    alert: str
    subject: str
    condition: str
    kind: str
    priority: str
    t: Instant
    what: str
    state: str  # afterwards
    by: str


class Share(Struct, frozen=True, kw_only=True):
    """The alerts of one sort, and what became of them."""

    alerts: int
    per_patient_day: float | None  # None: there was no patient
    acknowledged: float | None  # share that a person has seen
    self_cleared: float | None  # share that was over before anybody did anything
    false: float | None  # share marked false
    to_acknowledge_s: tuple[float, float] | None  # p50, p95; None: nobody has


class Burden(Struct, frozen=True, kw_only=True):
    """The report."""

    begin: Instant
    end: Instant
    patient_days: float
    calls: Share  # of high and medium priority: these call people
    listed: Share  # of low priority: these stand on the list
    by_kind: dict[str, Share]
    by_condition: dict[str, Share]
    published: dict[str, float] = field(default_factory=PUBLISHED.copy)


class _Life(Struct):
    """What became of one alert."""

    about: Happening
    seen: Instant | None = None
    touched: bool = False  # by a person
    closed: bool = False
    false: bool = False


def report(
    happenings: Iterable[Happening], begin: Instant, end: Instant, patient_days: float
) -> Burden:
    """Sum up the alerts that opened in [begin, end).

    Parameters
    ----------
    happenings
        Their events, each alert's in order.
    patient_days
        Days on which a patient was measured, summed over patients.
    """
    lives = _lives(happenings)
    mine = [one for one in lives if begin <= one.about.t < end]

    def share(chosen: Iterable[_Life]) -> Share:
        return _share([*chosen], patient_days)

    def by(name: str) -> dict[str, Share]:
        sorts: defaultdict[str, list[_Life]] = defaultdict(list)
        for one in mine:
            sorts[getattr(one.about, name)].append(one)
        most = sorted(sorts.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        return {sort: share(chosen) for sort, chosen in most}

    return Burden(
        begin=begin,
        end=end,
        patient_days=round(patient_days, 2),
        calls=share(one for one in mine if one.about.priority != "low"),
        listed=share(one for one in mine if one.about.priority == "low"),
        by_kind=by("kind"),
        by_condition=by("condition"),
    )


def _lives(happenings: Iterable[Happening]) -> list[_Life]:
    """Follow each alert through its events."""
    lives: dict[str, _Life] = {}
    for event in happenings:
        if event.what == "late":
            continue  # nobody was called
        life = lives.setdefault(event.alert, _Life(event))
        life.touched |= event.what in PERSONS
        life.false |= event.what == "false_alarm"
        life.closed = event.state == "normal"
        if event.what in SEEN and life.seen is None:
            life.seen = event.t
    return list(lives.values())


def _share(lives: Sequence[_Life], days: float) -> Share:
    waits = [(one.seen - one.about.t) / 1000 for one in lives if one.seen is not None]
    n = len(lives)
    return Share(
        alerts=n,
        per_patient_day=round(n / days, 3) if days else None,
        acknowledged=_of(len(waits), n),
        self_cleared=_of(sum(one.closed and not one.touched for one in lives), n),
        false=_of(sum(one.false for one in lives), n),
        to_acknowledge_s=_percentiles(waits),
    )


def _of(part: int, n: int) -> float | None:
    return round(part / n, 3) if n else None


def _percentiles(waits: Sequence[float]) -> tuple[float, float] | None:
    """Give p50 and p95."""
    if not waits:
        return None
    if len(waits) == 1:
        return waits[0], waits[0]
    cuts = quantiles(waits, n=100, method="inclusive")
    return round(cuts[49], 1), round(cuts[94], 1)

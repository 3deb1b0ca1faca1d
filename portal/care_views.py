"""What the API says of limits tried on the past, and of what alerts cost people."""

from msgspec import Struct

from alerts.burden import Burden, Share
from portal.times import rfc3339
from vitals.comparison import Comparison, Outcome


class Trial(Struct, frozen=True, kw_only=True):
    """What limits would have given in the days before, beside those in force."""

    subject: str
    begin: str
    end: str
    records: int  # that were judged
    now: Outcome  # with the limits in force
    new: Outcome


class BurdenView(Struct, frozen=True, kw_only=True):
    """What the alerts of some days cost the people whom they called."""

    begin: str
    end: str
    patient_days: float  # days on which a patient was measured
    calls: Share  # of high and medium priority: these call people
    listed: Share  # of low priority: these stand on the list
    by_kind: dict[str, Share]
    by_condition: dict[str, Share]
    published: dict[str, float]  # of a programme at home, a patient and day


NOUNS = Trial, BurdenView


def of_comparison(found: Comparison) -> Trial:
    """Show what came of trying limits on the past."""
    return Trial(
        subject=found.subject,
        begin=rfc3339(found.begin),
        end=rfc3339(found.end),
        records=found.records,
        now=found.now,
        new=found.new,
    )


def of_burden(found: Burden) -> BurdenView:
    """Show what the alerts cost."""
    return BurdenView(
        begin=rfc3339(found.begin),
        end=rfc3339(found.end),
        patient_days=found.patient_days,
        calls=found.calls,
        listed=found.listed,
        by_kind=found.by_kind,
        by_condition=found.by_condition,
        published=found.published,
    )

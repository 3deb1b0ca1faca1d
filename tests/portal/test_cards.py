import pytest

from portal.cards import card
from portal.texts import Texts
from portal.wall import Wall
from vitals.model import Alert

NOW = 1_795_300_000_000


def evidence(condition, **found):
    alert = Alert(
        id="e1",
        subject="p-1",
        condition=condition,
        kind="physiological",
        priority="high",
        state="unacknowledged",
        since=NOW - 1000,
        t=NOW,
        value=1.0,
        unit="/min",
        evidence=found,
    )
    return card(alert, Wall(Texts("en")), NOW).evidence


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ("heart_rate_high", "63"),
        ("systolic_high", "63"),
        ("oxygen_saturation_low", "63"),
        ("body_temperature_high", "63.1"),
        ("glucose_high", "63.1"),
        ("odd", "63.0818"),  # of which we do not know how finely it is read
    ],
)
def test_evidence_is_as_fine_as_its_metric_is_read(condition, shown):
    found = {"baseline": 63.0818, "values": [[NOW, 63.0818]], "limit": 63.0818}
    assert evidence(condition, **found) == (
        f"usual {shown}",
        f"latest {shown}",
        f"limit {shown}",
    )


def test_evidence_of_another_kind_keeps_its_own_form():
    found = {"z": 3.25, "quality": 0.984, "hold_s": 240, "device": "strap-1"}
    said = ("z 3.25", "quality 98%", "held for 4 min", "device strap-1")
    assert evidence("heart_rate_high", **found) == said
    assert evidence("heart_rate_high", age_s=0.0) == ()
    assert evidence("heart_rate_high", age_s=600) == ("age of the latest value 10 min",)
    odd = {"baseline": float("inf"), "values": ["a", None], "limit": True}
    assert evidence("heart_rate_high", **odd) == ()

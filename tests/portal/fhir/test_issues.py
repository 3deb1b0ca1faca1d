"""What people decided, as those read it who may not know who was called."""

import pytest

from alerts.history import AlertEvent
from portal.fhir.audit import of_decision
from portal.fhir.issues import issue, remark
from vitals.model import Alert

NOW = 1_700_000_000_000
ALERT = Alert(
    id="a-1",
    subject="p-7",
    t=NOW,
    since=NOW,
    condition="heart_rate_high",
    kind="physiological",
    priority="high",
    state="acknowledged",
)


def decided(comment):
    return AlertEvent(
        alert="a-1",
        t=NOW,
        what="acknowledge",
        state="acknowledged",
        by="dr-li",
        comment=comment,
    )


@pytest.mark.parametrize("comment", ["told anna", "told anna, dr.chen@ward", " "])
def test_whom_the_engine_had_called_is_no_remark_of_who_decided(comment):
    event = decided(comment)
    [done] = issue(ALERT, [event]).mitigation
    assert done.action.text == "Acknowledged"
    assert of_decision("p-7", event).outcome_desc is None


@pytest.mark.parametrize("comment", ["told her to rest", "told anna, who calls back."])
def test_what_somebody_said_is_read(comment):
    event = decided(comment)
    [done] = issue(ALERT, [event]).mitigation
    assert done.action.text == f"Acknowledged: {comment}"
    assert of_decision("p-7", event).outcome_desc == comment == remark(event)

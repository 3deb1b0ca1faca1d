from itertools import product
from pathlib import Path

import pytest

from alerts import drawing
from alerts.states import IGNORED, MUTED, SELF_CLEARING, STATES, TABLE, Event, after


def test_c3_every_state_and_event_is_in_the_table_or_ignored_on_purpose():
    assert set(TABLE) | IGNORED == set(product(STATES, Event))
    assert not set(TABLE) & IGNORED
    assert set(SELF_CLEARING) <= set(TABLE)


@pytest.mark.parametrize("latching", [True, False])
@pytest.mark.parametrize(("state", "event"), sorted(IGNORED))
def test_what_is_ignored_changes_nothing(state, event, latching):
    assert after(state, event, latching=latching) == state


def test_c3_an_alert_that_latches_stays_until_it_is_seen():
    returned = after("unacknowledged", Event.RETURNED, latching=True)
    assert returned == "returned_unacknowledged"
    assert after(returned, Event.ACKNOWLEDGE, latching=True) == "normal"
    assert after(returned, Event.ALARM, latching=True) == "unacknowledged"


def test_an_alert_that_does_not_latch_clears_by_itself():
    assert after("unacknowledged", Event.RETURNED, latching=False) == "normal"


@pytest.mark.parametrize("state", ["acknowledged", "shelved", "unacknowledged"])
def test_a_rise_always_alarms(state):
    assert after(state, Event.RISE, latching=True) == "unacknowledged"


@pytest.mark.parametrize("state", MUTED)
def test_what_is_muted_leaves_only_when_it_is_over_or_no_longer_muted(state):
    leaving = {e for e in Event if after(state, e, latching=True) not in MUTED}
    assert leaving <= {Event.RETURNED, Event.RELEASE, Event.RESTORE}
    assert len(leaving) == 2


def test_every_state_can_be_reached_and_left():
    moves = {(s, then) for (s, _), then in TABLE.items() if s != then}
    assert {s for s, _ in moves} == {then for _, then in moves} == set(STATES)


def test_the_page_in_docs_is_drawn_from_this_table():
    page = Path(__file__).parents[2] / "docs" / "alert-states.md"
    assert page.read_text() == drawing.page(), (
        "python -m alerts.drawing > docs/alert-states.md"
    )

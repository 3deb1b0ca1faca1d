from itertools import product

import pytest

from alerts.states import IGNORED, SELF_CLEARING, STATES, TABLE, Event, after


def test_every_state_and_event_is_in_the_table_or_ignored_on_purpose():
    assert set(TABLE) | IGNORED == set(product(STATES, Event))
    assert not set(TABLE) & IGNORED
    assert set(SELF_CLEARING) <= set(TABLE)


@pytest.mark.parametrize("latching", [True, False])
@pytest.mark.parametrize(("state", "event"), sorted(IGNORED))
def test_what_is_ignored_changes_nothing(state, event, latching):
    assert after(state, event, latching=latching) == state


def test_an_alert_that_latches_stays_until_it_is_seen():
    returned = after("unacknowledged", Event.RETURNED, latching=True)
    assert returned == "returned_unacknowledged"
    assert after(returned, Event.ACKNOWLEDGE, latching=True) == "normal"
    assert after(returned, Event.ALARM, latching=True) == "unacknowledged"


def test_an_alert_that_does_not_latch_clears_by_itself():
    assert after("unacknowledged", Event.RETURNED, latching=False) == "normal"


@pytest.mark.parametrize("state", ["acknowledged", "shelved", "unacknowledged"])
def test_a_rise_always_alarms(state):
    assert after(state, Event.RISE, latching=True) == "unacknowledged"


def test_the_table_reads_like_this():
    drawn = [
        f"{state:24}"
        + " ".join(f"{SHORT[TABLE.get((state, e), state)]:6}" for e in Event)
        for state in STATES[:4] + STATES[6:]
    ]
    assert [line.rstrip() for line in drawn] == DRAWN.splitlines()


SHORT = {
    "normal": "norm",
    "unacknowledged": "unack",
    "acknowledged": "acked",
    "returned_unacknowledged": "rtnun",
    "shelved": "shlvd",
}
#                       alarm  rise   relap. ackn.  retur. shelve unshelve
DRAWN = """\
unacknowledged          unack  unack  unack  acked  rtnun  shlvd  unack
acknowledged            acked  unack  unack  acked  norm   shlvd  acked
returned_unacknowledged unack  unack  rtnun  norm   rtnun  norm   rtnun
shelved                 shlvd  unack  shlvd  acked  norm   shlvd  unack
normal                  unack  unack  norm   norm   norm   norm   norm"""

"""SIGKILL at any moment: a message may be repeated, none is ever lost."""

import pytest

from alerts.history import AlertHistory
from tests.alerts.night import Night

pytestmark = pytest.mark.slow


@pytest.fixture
def night(tmp_path, receiver):
    def make(order, behave=lambda n: 204):
        return Night(tmp_path, receiver(behave), order)

    return make


def test_c2_kills_at_any_moment_repeat_a_message_at_most(night):
    night = night("right", lambda n: 503 if n % 4 == 0 else 204)
    while night.kills < 20:
        night.keep_busy(10)
        night.kill()
        assert night.unwritten() == set()
    night.finish()
    assert night.untold() == night.differing() == set()
    history = AlertHistory(night.folder)
    alerts, _ = history.alerts("all", None, None, 1000)
    assert len(alerts) == night.episodes
    assert all(len(history.events(a.id)) == 2 for a in alerts)
    history.close()
    assert night.retained() == {a.id for a in alerts if a.state != "normal"}


def test_negative_control_telling_before_the_transaction_is_caught(night):
    night = night("tell_first")
    night.kill()
    assert night.unwritten()


def test_negative_control_acknowledging_before_the_transaction_is_caught(night):
    night = night("ack_first")
    while night.acked() < 10:  # whole episodes
        night.kill()
    night.finish()
    assert night.untold()

import asyncio

import pytest

from alerts.outbox import Outbox, Sender
from alerts.post import Post
from alerts.register import Register
from alerts.trials import Trial
from vitals.errors import Unavailable
from vitals.metrics import Metrics

HEARS = frozenset({"opened"})


class Phone:
    """A channel that can be tested, and is `ill` at times."""

    hears = HEARS

    def __init__(self, name="phone", ill=False):
        self.name, self.ill, self.tests, self.told = name, ill, 0, []

    async def tell(self, notice):
        self.told.append(notice.key)

    async def test(self):
        self.tests += 1
        if self.ill:
            raise Unavailable("phone: 401")

    def close(self):
        pass


class Mute:
    """A channel that tells, and cannot be tested."""

    name, hears = "log", HEARS

    async def tell(self, notice):
        pass

    def close(self):
        pass


@pytest.fixture
def tested(database, clock, history, beside, until):
    """Test a channel; give how it did."""
    register = Register(database, Post({"phone": HEARS}))
    outbox = Outbox(database, {"phone": "pager"})

    def test(phone):
        before = history.tested("phone")
        clock.now += 1000
        register.commit([Trial("phone", "root")], clock.now)

        async def main():
            async with beside(Sender(phone, outbox, Metrics(), clock).run()):
                await until(lambda: history.tested("phone") not in (before, None))
                clock.now += 3_600_000
                await asyncio.sleep(0.05)

        asyncio.run(main())
        [state] = history.channels()
        return state

    return test


def test_a_channel_that_accepts_its_test_has_told(tested):
    phone = Phone()
    state = tested(phone)
    assert (phone.tests, phone.told) == (1, [])
    assert (state.pending, state.failed, state.error) == (0, 0, "")
    assert state.told is not None


def test_a_test_that_is_refused_is_not_tried_again_nor_by_another(tested, database):
    phone = Phone(ill=True)
    state = tested(phone)
    assert phone.tests == 1
    assert (state.pending, state.failed, state.error) == (0, 0, "phone: 401")
    assert database.rows("SELECT count(*) FROM deliveries") == [(1,)]


def test_the_next_test_takes_the_place_of_the_last(tested):
    phone = Phone(ill=True)
    tested(phone)
    phone.ill = False
    assert tested(phone).error == ""


def test_only_what_can_be_tested_is(database, clock):
    outbox = Outbox(database)
    senders = [Sender(c, outbox, Metrics(), clock) for c in (Phone(), Mute())]
    assert [sender.testable for sender in senders] == [True, False]

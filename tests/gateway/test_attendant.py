"""An attendant on a radio of a few honest lines: what goes wrong ends no attendant."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from bleak.exc import BleakError

from gateway.attendant import Attendant
from gateway.policy import Policy
from tests import warp
from vitals import config
from vitals.clock import now
from vitals.gatt import blood_pressure, device_information
from vitals.metrics import Metrics

CUFF = blood_pressure.MEASUREMENT, next(iter(device_information.NAMES))


class Link:
    """To a cuff that is quiet, and answers as long as it lives."""

    def __init__(self, offered, lives):
        self._offered, self._lives, self.asked = offered, lives, 0

    def offers(self, characteristic):
        return characteristic in self._offered

    async def answers(self, characteristic):
        self.asked += 1
        return self._lives

    async def read(self, characteristic):
        return None

    async def listen(self, characteristic, heard):
        pass


class Radio:
    """Gives one link after the other; a link that is an error fails."""

    names, rssi, problem = {}, {}, ""

    def __init__(self, *links):
        self._links, self.used, self.troubles = list(links), [], 0

    async def seen(self, address):
        if not self._links:
            await asyncio.Event().wait()
        return address

    @asynccontextmanager
    async def connected(self, device, lost):
        link = self._links.pop(0)
        if isinstance(link, Exception):
            raise link
        self.used.append(link)
        yield link

    def lives(self):
        pass

    def suffers(self):
        self.troubles += 1


@pytest.fixture
def attend():
    """Attend to a cuff until its radio has given so many links, and some time more."""

    def attend(radio, links, more_s=0.0):
        metrics = Metrics()
        cuff = config.Wearable(
            device="cuff", subject="p-1", address="C0:00:00:00:00:01"
        )
        policy = Policy(silence_s=0.05)

        async def main():
            attendant = Attendant(cuff, radio, None, metrics, now, policy)
            task = asyncio.ensure_future(attendant.run())
            while len(radio.used) < links:
                await asyncio.sleep(0.01)
            await asyncio.sleep(more_s)
            assert not task.done()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        warp.run(main())
        return metrics.counters

    return attend


def test_a6_a_quiet_cuff_that_answers_is_left_alone(attend):
    quiet = Link(CUFF, lives=True)
    radio = Radio(quiet, Link(CUFF, lives=True))
    counters = attend(radio, links=1, more_s=0.5)
    assert radio.used == [quiet]
    assert quiet.asked >= 3
    assert not counters["gateway_silences_total"]


def test_a6_a_quiet_cuff_that_does_not_answer_is_connected_anew(attend):
    radio = Radio(Link(CUFF, lives=False), Link(CUFF, lives=True))
    counters = attend(radio, links=2)
    assert counters["gateway_silences_total"] == 1
    assert radio.troubles == 1


def test_a_link_that_offers_nothing_is_given_up(attend):
    radio = Radio(Link((), lives=True), Link(CUFF, lives=True))
    assert attend(radio, links=2)["gateway_radio_errors_total"] == 1


@pytest.mark.parametrize(
    ("error", "counter"),
    [
        (BleakError("no"), "gateway_radio_errors_total"),
        (EOFError(), "gateway_radio_errors_total"),
        (AssertionError("of bleak"), "gateway_attendant_failures_total"),
        (KeyError("of bleak"), "gateway_attendant_failures_total"),
    ],
)
def test_a7_whatever_the_radio_raises_the_attendant_goes_on(attend, error, counter):
    radio = Radio(error, Link(CUFF, lives=True))
    assert attend(radio, links=1)[counter] == 1

"""The gateway: wearables in, records out, nothing lost between."""

import asyncio
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.attendant import Attendant
from gateway.outbox import Outbox
from gateway.radio import Radio, native
from gateway.recorder import Recorder
from gateway.uplink import Uplink
from vitals import GatewayStatus, __version__, config, wire
from vitals.bus import Bus
from vitals.clock import Clock
from vitals.metrics import Metrics
from vitals.wire import Message

if TYPE_CHECKING:
    from gateway.agent import Agent

log = logging.getLogger(__name__)

REPORT_S = 10.0


def will(gateway: str, clock: Clock) -> Message:
    """Give the word that the broker shall say when we are gone."""
    return _status(gateway, GatewayStatus(online=False, t=clock(), version=__version__))


async def run(
    bus: Bus, settings: config.Gateway, data: Path, metrics: Metrics, clock: Clock
) -> None:
    """Read every configured wearable until cancelled."""
    recorder = Recorder(Outbox(data / "gateway.db", settings.name), metrics)
    radio = Radio(settings.adapter)
    uplink = Uplink(settings.name, recorder, bus, metrics, clock)
    attendants = [
        Attendant(wearable, radio, recorder, metrics, clock)
        for wearable in settings.wearables
    ]
    reporter = Reporter(settings.name, bus, recorder, attendants, metrics, clock)
    try:
        async with asyncio.TaskGroup() as group:
            for work in (recorder.run, radio.run, uplink.run, reporter.run):
                group.create_task(work())
            for attendant in attendants:
                group.create_task(attendant.run())
            if native(settings.adapter) and sys.platform == "linux":
                group.create_task(_agent(settings).run())
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await bus.publish(will(settings.name, clock))
        recorder.close()


def _agent(settings: config.Gateway) -> "Agent":
    """Make who answers BlueZ; only BlueZ needs D-Bus."""
    from gateway.agent import Agent

    return Agent([wearable.address for wearable in settings.wearables])


class Reporter:
    """Tells the house how the gateway and its wearables are, as retained messages."""

    def __init__(
        self,
        gateway: str,
        bus: Bus,
        recorder: Recorder,
        attendants: list[Attendant],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._gateway, self._bus, self._recorder = gateway, bus, recorder
        self._attendants, self._metrics, self._clock = attendants, metrics, clock
        self._told: dict[str, object] = {}

    async def run(self) -> None:
        """Report at connection, on change, and from time to time; for ever."""
        due = 0.0
        while True:
            await self._bus.online.wait()
            due -= 0.5
            if due <= 0:
                due = REPORT_S
                await self._bus.publish(await self._own())
                self._told.clear()
            for attendant in self._attendants:
                await self._device(attendant)
            await asyncio.sleep(0.5)
            if not self._bus.online.is_set():
                due = 0.0  # the last will has spoken for us meanwhile

    async def _own(self) -> Message:
        queued = await self._recorder.ask(Outbox.count)
        self._metrics.gauge("gateway_queued", queued)
        counters = self._metrics.counters
        status = GatewayStatus(
            online=True,
            t=self._clock(),
            version=__version__,
            queued=queued,
            malformed=counters["gateway_malformed_total"],
        )
        return _status(self._gateway, status)

    async def _device(self, attendant: Attendant) -> None:
        status, device = attendant.status(self._gateway), attendant.device
        essence = (
            *(status.connected, status.battery, status.off_body, status.malformed),
            status.information,
        )
        if self._told.get(device.device) != essence:
            self._told[device.device] = essence
            topic = wire.of(device.subject, device.device, "status")
            await self._bus.publish(Message(topic, wire.encode(status), retain=True))


def _status(gateway: str, status: GatewayStatus) -> Message:
    topic = wire.gateway_topic(gateway, "status")
    return Message(topic, wire.encode(status), retain=True)

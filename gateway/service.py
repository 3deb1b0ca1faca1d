"""The gateway: wearables in, records out, nothing lost between."""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.attendant import Attendant
from gateway.commands import Commands
from gateway.discovery import Discovery
from gateway.outbox import Keep, Outbox
from gateway.policy import policy
from gateway.radio import Radio
from gateway.recorder import Recorder
from gateway.roster import Change, Reloader, Roll, Roster, Wearables
from gateway.uplink import Uplink
from vitals import DeviceStatus, GatewayStatus, Instant, __version__, config, wire
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
    bus: Bus,
    settings: config.Gateway,
    data: Path,
    metrics: Metrics,
    clock: Clock,
    roll: Roll | None = None,
) -> None:
    """Read every configured wearable until cancelled.

    Parameters
    ----------
    roll
        Where the list of wearables can be read again; None: it stays as it is.
    """
    outbox = Outbox(data / "gateway.db", settings.name, _keep(settings))
    recorder = Recorder(outbox, metrics, settings.group_ms / 1000)
    radio, rules = Radio(settings.adapter, metrics), policy(settings)
    uplink = Uplink(settings.name, recorder, bus, metrics)
    agent = _agent(settings, radio) if radio.on_bluez else None

    def hire(wearable: config.Wearable) -> Attendant:
        return Attendant(wearable, radio, recorder, metrics, clock, rules)

    def apply(wearables: Wearables) -> Change:
        if agent:
            agent.know([wearable.address for wearable in wearables])
        return roster.apply(wearables, group)

    roster = Roster(hire, lambda attendant: reporter.tell(attendant))
    reporter = Reporter(settings.name, bus, recorder, roster.attendants, metrics, clock)
    discovery = Discovery(data / "home-assistant.json", settings)
    reloader = Reloader(roll, apply, metrics) if roll else None
    handlers = {"resend": uplink.resend}
    if reloader:
        handlers["reload"] = reloader.ask
    commands = Commands(bus, settings.name, handlers, metrics)
    try:
        async with asyncio.TaskGroup() as group:
            for work in (recorder, radio, uplink, reporter, commands, reloader, agent):
                if work:
                    group.create_task(work.run())
            group.create_task(discovery.run(bus, roster.attendants))
            apply(settings.wearables)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await bus.publish(will(settings.name, clock))
        recorder.close()


def _keep(settings: config.Gateway) -> Keep:
    """Give the outbox its bounds."""
    days = settings.keep_days * 86_400_000
    return Keep(octets=round(settings.keep_mb * (1 << 20)), age_ms=round(days))


def _agent(settings: config.Gateway, radio: Radio) -> "Agent":
    """Make who answers BlueZ; only BlueZ needs D-Bus."""
    from gateway.agent import Agent

    return Agent([w.address for w in settings.wearables], radio.drop)


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
        self._disk = ""  # what we have said of it
        self._since: Instant | None = None  # online

    async def run(self) -> None:
        """Report at connection, on change, and from time to time; for ever."""
        due = 0.0
        while True:
            await self._bus.online.wait()
            self._since = self._since or self._clock()
            due -= 0.5
            if due <= 0 or self._disk != self._recorder.problem:
                due = REPORT_S
                await self._bus.publish(await self._own())
                self._told.clear()
            for attendant in list(self._attendants):
                await self._device(attendant)
            await asyncio.sleep(0.5)
            if not self._bus.online.is_set():
                due, self._since = 0.0, None  # our last will has spoken for us

    async def _own(self) -> Message:
        self._disk = self._recorder.problem
        queued = await self._recorder.ask(Outbox.count)
        self._metrics.gauge("gateway_queued", queued)
        counters = self._metrics.counters
        status = GatewayStatus(
            online=True,
            t=self._clock(),
            version=__version__,
            queued=queued,
            dropped=self._recorder.dropped,
            disk=self._disk,
            malformed=counters["gateway_malformed_total"],
            adapter_resets=counters["gateway_adapter_resets_total"],
            problem=next((a.problem for a in self._attendants if a.problem), ""),
            since=self._since,
        )
        return _status(self._gateway, status)

    async def _device(self, attendant: Attendant) -> None:
        device, status = attendant.device, self._status(attendant)
        essence = (
            *(status.connected, status.battery, status.off_body, status.malformed),
            *(status.information, status.dropped),
        )
        if self._told.get(device.device) != essence:
            self._told[device.device] = essence
            await self.tell(attendant)

    def _status(self, attendant: Attendant) -> DeviceStatus:
        """Give a wearable's status, and which of its records had to go."""
        lost = self._recorder.lost(attendant.device.device)
        return replace(attendant.status(self._gateway), dropped=lost)

    async def tell(self, attendant: Attendant) -> None:
        """Tell how a wearable is."""
        device, status = attendant.device, self._status(attendant)
        topic = wire.of(device.subject, device.device, "status")
        await self._bus.publish(Message(topic, wire.encode(status), retain=True))


def _status(gateway: str, status: GatewayStatus) -> Message:
    topic = wire.gateway_topic(gateway, "status")
    return Message(topic, wire.encode(status), retain=True)

"""The gateway: wearables in, records out, nothing lost between."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from gateway import memory
from gateway.attendant import Attendant
from gateway.commands import Commands, Handler
from gateway.discovery import Discovery
from gateway.identity import Identities, keys_of
from gateway.outbox import Keep, Outbox
from gateway.policy import policy
from gateway.radio import Radio
from gateway.recorder import Recorder
from gateway.registrar import Registrar
from gateway.roaming import Roaming
from gateway.roster import Change, Reloader, Roll, Roster, Wearables
from gateway.uplink import Uplink
from gateway.withdrawals import Withdrawals
from vitals import DeviceStatus, GatewayStatus, Instant, __version__, config, wire
from vitals.bus import Bus
from vitals.clock import Clock
from vitals.metrics import Metrics
from vitals.wire import Message

if TYPE_CHECKING:
    from gateway.agent import Agent

log = logging.getLogger(__name__)

REPORT_S = 10.0


class Working(Protocol):
    """Has something to do for as long as the gateway runs."""

    async def run(self) -> None:
        """Do it, for ever."""


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
    radios, rules = _radios(settings, data, metrics), policy(settings)
    uplink = Uplink(settings.name, recorder, bus, metrics)
    agent = _agent(radios)

    def hire(wearable: config.Wearable) -> Attendant:
        radio = Roaming(wearable, radios)
        return Attendant(wearable, radio, recorder, metrics, clock, rules)

    def apply(wearables: Wearables) -> Change:
        if agent:
            agent.know(wearables)
        registrar.follow(wearables)
        identities = Identities(keys_of({w.address: w.irk for w in wearables}))
        for radio in radios:
            radio.identities = identities
        return roster.apply(wearables, group)

    roster = Roster(hire, lambda attendant: reporter.tell(attendant))
    reporter = Reporter(settings.name, bus, recorder, roster.attendants, metrics, clock)
    discovery = Discovery(data / "home-assistant.json", settings)
    reloader = Reloader(roll, apply, metrics) if roll else None
    withdrawals = Withdrawals(settings.name, bus, recorder, metrics)
    known = settings.name, bus, recorder, metrics, clock

    def moved() -> None:
        uplink.look_again()
        withdrawals.look()

    registrar = Registrar(*known, told=moved)
    handlers: dict[str, Handler] = {
        "resend": uplink.resend,
        "check_in": registrar.check_in,
        "assign": registrar.assign,
    }
    if reloader:
        handlers["reload"] = reloader.ask
    commands = Commands(bus, settings.name, handlers, metrics)
    crew: list[Working] = [recorder, uplink, reporter, commands, registrar]
    crew += [withdrawals, *radios]
    crew += [one for one in (reloader, agent) if one]
    try:
        async with asyncio.TaskGroup() as group:
            for work in crew:
                group.create_task(work.run())
            group.create_task(memory.keep_trimmed())
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
    return Keep(
        octets=round(settings.keep_mb * (1 << 20)),
        age_ms=round(days),
        correct_ms=round(settings.correct_days * 86_400_000),
    )


def _radios(settings: config.Gateway, data: Path, metrics: Metrics) -> list[Radio]:
    """Make a radio of each adapter.

    The file of its bonds goes by its place: a dongle that is replaced keeps them.
    """
    return [
        Radio(adapter, metrics, data / f"bonds-{place}.json")
        for place, adapter in enumerate(settings.adapters, 1)
    ]


def _agent(radios: Sequence[Radio]) -> "Agent | None":
    """Make who answers BlueZ; only BlueZ needs D-Bus."""
    served = [radio for radio in radios if radio.on_bluez]
    if not served:
        return None
    from gateway.agent import Agent

    def died() -> None:
        for radio in served:
            radio.drop()

    def whose(path: str) -> str | None:
        return next((r.paths[path] for r in served if path in r.paths), None)

    return Agent(whose, died)


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
            keeps=await self._keeps(),
            waiting=sum(self._recorder.unassigned.values()),
            dropped=self._recorder.dropped,
            disk=self._disk,
            malformed=counters["gateway_malformed_total"],
            adapter_resets=counters["gateway_adapter_resets_total"],
            problem=next((a.problem for a in self._attendants if a.problem), ""),
            since=self._since,
        )
        return _status(self._gateway, status)

    async def _keeps(self) -> Instant | None:
        """Give from when on every record is on the disk that is not committed."""
        moment = self._clock()
        try:
            oldest = await self._recorder.ask(Outbox.pending, 0, 1)
        except sqlite3.Error:
            return None
        for row in oldest:
            (reading,) = wire.unpack(Message(row.topic, row.payload))
            return Instant(min(moment, reading.record.received or moment))
        return moment

    async def _device(self, attendant: Attendant) -> None:
        device, status = attendant.device, self._status(attendant)
        essence = (
            *(status.connected, status.battery, status.off_body, status.malformed),
            *(status.information, status.dropped, status.waiting),
        )
        if self._told.get(device.device) != essence:
            self._told[device.device] = essence
            await self.tell(attendant)

    def _status(self, attendant: Attendant) -> DeviceStatus:
        """Give a wearable's status, and which of its records had to go."""
        lost = self._recorder.lost(attendant.device.device)
        waiting = self._recorder.waiting(attendant.device.device)
        status = attendant.status(self._gateway)
        return replace(status, dropped=lost, waiting=waiting)

    async def tell(self, attendant: Attendant) -> None:
        """Tell how a wearable is."""
        status = wire.encode(self._status(attendant))
        for topic in self._topics(attendant.device):
            await self._bus.publish(Message(topic, status, retain=True))

    def _topics(self, device: config.Wearable) -> Iterator[str]:
        """Give where a wearable's status stands: with those whose it always is."""
        if device.subject is None:
            yield wire.shared_topic(self._gateway, device.device)
        for subject in {device.subject, *device.users.values()} - {None}:
            yield wire.of(str(subject), device.device, "status")


def _status(gateway: str, status: GatewayStatus) -> Message:
    topic = wire.gateway_topic(gateway, "status")
    return Message(topic, wire.encode(status), retain=True)

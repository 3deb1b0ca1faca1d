"""`vitals run`: stages of an installation, each with a bus of its own."""

import argparse
import asyncio
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from vitals import Unavailable, VitalsError, config, sdnotify
from vitals.cli import dry_run
from vitals.clock import Clock, elapsed, monotonic, now
from vitals.heartbeat import beat, look_out
from vitals.metrics import Metrics
from vitals.mqtt import MqttBus

log = logging.getLogger(__name__)

AGAIN_S = (1, 2, 5, 15, 60)  # after a stage has failed
CALM_S = 600  # a stage that ran so long has been forgiven
METRICS_S = 5
INGEST_ROOM = 32 << 20  # octets; the broker and the gateways keep what is more
YOUNG = 50_000  # objects, until the collector looks for cycles among them

EXTRAS = {  # whose import tells which extra is missing
    "numpy": "dsp",
    "numba": "dsp",
    "bumble": "sim",
    "influxdb_client": "influx",
    "amqtt": "demo",
}


def tell_set_up(address: str) -> None:
    """Show the link of the first administrator: on the terminal or in the journal."""
    print(f"no administrator yet: open {address} once, within a day", flush=True)


class House(Struct):
    """What every stage of this process is given."""

    config: config.Config
    metrics: Metrics
    clock: Clock = now
    told_url: Callable[[str], None] = lambda url: log.info("the page is at %s", url)
    told_set_up: Callable[[str], None] = tell_set_up
    path: Path | None = None  # of the configuration, to read it again
    reload: asyncio.Event = field(default_factory=asyncio.Event)  # SIGHUP came
    pulse: sdnotify.Pulse = field(default_factory=sdnotify.Pulse)

    @property
    def data(self) -> Path:
        """The folder of everything that must survive."""
        return Path(self.config.data)


async def sim(house: House) -> None:
    """Run the simulated wearables."""
    import firmware_sim.service

    await firmware_sim.service.run(house.config.sim, house.metrics, house.clock)


async def gateway(house: House) -> None:
    """Read the wearables."""
    import gateway.service
    from gateway.memory import share_heap
    from gateway.roster import Roll, Wearables

    def read() -> Wearables:
        path = house.path
        return config.load(path).gateway.wearables if path else settings.wearables

    share_heap()
    settings = house.config.gateway
    roll = Roll(read, house.reload)
    will = gateway.service.will(settings.name, house.clock)
    name = f"vitals-gateway-{settings.name}"
    async with MqttBus(house.config.mqtt, name, will) as bus:
        work = gateway.service.run(
            bus, settings, house.data, house.metrics, house.clock, roll
        )
        await beside(work, _look_out(house, bus, settings.name))


async def ingest(house: House) -> None:
    """Store the records."""
    import ingest.service
    import ingest.upkeep
    from ingest.ledger import Ledger
    from ingest.pace import pace
    from ingest.store import open_store
    from ingest.turn import turn

    settings = house.config.store
    async with AsyncExitStack() as open_files:
        # During an upgrade the next one waits until this one has gone.
        await open_files.enter_async_context(turn(house.data / "ingest.lock"))
        # In a thread: a file of an older version takes its time.
        store = await asyncio.to_thread(open_store, settings, house.data)
        open_files.callback(store.close)
        ledger = Ledger(house.data / "ledger.db")
        open_files.callback(ledger.close)
        bus = await open_files.enter_async_context(
            MqttBus(house.config.mqtt, "vitals-ingest", room=INGEST_ROOM)
        )
        _calm_collector()
        work = ingest.service.run(
            bus, store, ledger, house.metrics, house.clock, pace(settings)
        )
        tending = ingest.upkeep.run(store, house.clock, house.metrics)
        await beside(work, tending, beat(bus, "ingest", house.clock))


def _calm_collector() -> None:
    """Look for cycles less often, and not in what stays for ever.

    Thousands of records are alive at a time and none is part of a cycle: to look
    through all of them, again and again, took a third of the CPU of a busy ingest.
    """
    gc.freeze()
    gc.set_threshold(YOUNG)


async def dsp(house: House) -> None:
    """Detect anomalies."""
    log.info("dsp: the first start compiles the detectors, about a minute")
    import dsp.service

    async with MqttBus(house.config.mqtt, "vitals-dsp") as bus:
        work = dsp.service.run(
            bus, house.config.dsp, house.data, house.metrics, house.clock
        )
        asked = dry_run.serve(bus, dry_run.place(house.path, house.data))
        await beside(work, beat(bus, "dsp", house.clock), asked)


async def alerts(house: House) -> None:
    """Tell people."""
    import alerts.service
    from alerts.timeline import Timeline

    async with MqttBus(house.config.mqtt, "vitals-alerts") as bus:
        await alerts.service.run(
            bus,
            house.config.alerts,
            house.data,
            house.metrics,
            Timeline(house.clock, elapsed),
            house.config.portal.public_url,
        )


async def portal(house: House) -> None:
    """Serve the API and pages."""
    import portal.service
    from alerts.history import AlertHistory
    from ingest.completeness import streams
    from ingest.store import open_history
    from portal.deeds import Deeds
    from portal.house import Sources
    from portal.notes import Notes
    from portal.people import People

    people = People(house.data / "people.db")
    notes = Notes(house.data / "notes.db")
    history = open_history(house.config.store, house.data)
    told, hooks = partial(streams, house.data), house.config.portal.hooks
    alerts, deeds = AlertHistory(house.data), Deeds(house.data)
    files = history, alerts, people, notes
    limits = house.config.dsp.limits
    ways = tuple(channel.name for channel in house.config.alerts.channels)
    sources = Sources(*files, told, house.data, hooks, deeds, limits, ways)
    code = people.links.make("setup") if people.unattended() else ""

    def ready(url: str) -> None:
        house.told_url(url)
        if code:
            house.told_set_up(f"{url}/setup/{code}")

    async with MqttBus(house.config.mqtt) as bus:
        work = portal.service.run(
            bus,
            house.config.portal,
            sources,
            house.metrics,
            house.clock,
            ready,
        )
        await beside(
            work, beat(bus, "portal", house.clock), _look_out(house, bus, "portal")
        )


async def _look_out(house: House, bus: MqttBus, by: str) -> None:
    """Watch the stages that run elsewhere."""
    settings = house.config.watchdog
    await look_out(bus, by, settings, house.metrics, house.clock)


async def beside(work: Awaitable[None], *others: Coroutine[Any, Any, None]) -> None:
    """Do some work, and others for as long as it lasts."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(other) for other in others]
        try:
            await work
        finally:
            for task in running:
                task.cancel()


STAGES: dict[str, Callable[[House], Awaitable[None]]] = {
    stage.__name__: stage for stage in (sim, gateway, ingest, dsp, alerts, portal)
}


def main(chosen: argparse.Namespace) -> int:
    """Run the chosen stages until a signal comes."""
    settings = config.load(Path(chosen.config))
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=chosen.log, format=form, force=True)
    logging.getLogger("bumble").setLevel(logging.CRITICAL)  # warns of usual things
    house = House(settings, Metrics(), path=Path(chosen.config))
    try:
        house.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{house.data}: {error.strerror}; see `data`") from error
    work = [run(house, chosen.stages)]
    if chosen.metrics:
        work.append(_print_metrics(house.metrics, Path(chosen.metrics)))
    work.append(_tell_systemd(house.pulse))
    asyncio.run(_hear(house, until_told(_together(work))))
    return 0


async def _hear(house: House, work: Awaitable[None]) -> None:
    """Take SIGHUP for the word to read the list of wearables again."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, house.reload.set)
    await work


async def _tell_systemd(pulse: sdnotify.Pulse) -> None:
    notifier = sdnotify.Notifier(os.environ.get("NOTIFY_SOCKET", ""))
    every_s = sdnotify.watchdog_s(os.environ, os.getpid())
    await sdnotify.keep_told(notifier, pulse, every_s)


async def _together(work: Iterable[Awaitable[None]]) -> None:
    """Run until one fails, then end the others."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _print_metrics(metrics: Metrics, path: Path) -> None:
    """Keep a file up to date, whole at any moment, and once more at the end."""
    try:
        while True:
            await asyncio.sleep(METRICS_S)
            await asyncio.to_thread(_replace, path, metrics.text())
    finally:
        _replace(path, metrics.text())


def _replace(path: Path, text: str) -> None:
    """Write a file that is whole at any moment; a full disk costs only the figures."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text)
        new.replace(path)
    except OSError as error:
        log.warning("cannot keep the metrics in %s: %s", path, error.strerror)


async def run(house: House, names: Iterable[str]) -> None:
    """Run stages side by side, for ever."""
    try:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(supervise(name, house))
    except* VitalsError as errors:
        raise first(errors) from None


async def supervise(name: str, house: House) -> None:
    """Keep a stage running: what it did not expect is logged, and it starts again.

    What the operator must mend (a VitalsError) ends the process instead.
    """
    failures = 0
    while True:
        began = monotonic()
        house.pulse.up(name)
        try:
            await STAGES[name](house)
        except VitalsError:
            raise
        except ImportError as error:
            raise missing(error) from error
        except Exception as error:
            if (ours := _ours(error)) is not None:
                raise ours from None
            if monotonic() - began > CALM_S:
                failures = 0
            pause = AGAIN_S[min(failures, len(AGAIN_S) - 1)]
            log.exception("%s failed; starting it again in %d s", name, pause)
            house.metrics.count(f"{name}_failures_total")
            house.pulse.down(name)
            failures += 1
            await asyncio.sleep(pause)


def missing(error: ImportError) -> Unavailable:
    """Say which extra to install; anything else that is missing is the server's."""
    module = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(module, "server")
    return Unavailable(f"{module} is not installed: pip install 'vitals[{extra}]'")


async def until_told(work: Awaitable[None]) -> None:
    """Run until done, or until SIGINT or SIGTERM ends it cleanly."""
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")


def _ours(error: BaseException) -> VitalsError | None:
    """Give the VitalsError in an exception, if there is one."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_ours, error.exceptions)), None)
    return error if isinstance(error, VitalsError) else None


def first(group: BaseExceptionGroup[VitalsError]) -> VitalsError:
    """Give one of a group's errors: the operator mends them one by one."""
    found = _ours(group)
    assert found is not None
    return found

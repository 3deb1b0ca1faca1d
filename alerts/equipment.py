"""Gateways, wearables and engines, by their own words: which of them fail.  Pure.

Alerts of what serves no single patient belong to the subject `house`.  A gateway that
says nothing new is not judged anew: missing news neither raises nor clears anything.
"""

from collections.abc import Iterator

from msgspec import Struct

from alerts import rules
from alerts.facts import Fact, Facts
from vitals import wire
from vitals.config import Alerts
from vitals.model import Anomaly, DeviceStatus, GatewayStatus, Instant, StageStatus
from vitals.wire import Message

TOPICS = (
    wire.GATEWAY_STATUSES,
    wire.DEVICE_STATUSES,
    wire.SHARED_STATUSES,
    wire.STAGE_STATUSES,
)


GATEWAY = (
    "gateway_offline",
    "gateway_clock_off",
    "gateway_queue_growing",
    "gateway_disk",
    "gateway_radio",
)  # what can be wrong with one


class Gateway(Struct, frozen=True):
    """What we know of a gateway; all times by our own clock."""

    status: GatewayStatus
    since: Instant  # online, or not
    behind: Instant | None = None  # since when its clock has been behind


class Equipment:
    """All that patients do not wear, and who is on which gateway."""

    def __init__(self, settings: Alerts, facts: Facts) -> None:
        self._settings, self._facts = settings, facts
        self._gateways: dict[str, Gateway] = {}
        self._worn: dict[tuple[str, str], str] = {}  # the gateway, by whose and which
        self._shared: dict[str, str] = {}
        self._stages: dict[str, Instant] = {}  # when they last said that they work
        self._down = frozenset(f.thing for f in facts.wrong("gateway_offline"))
        self._start: Instant | None = None  # when this was first asked
        self._settled = False  # whether we have been told how all are

    def take(self, message: Message, now: Instant) -> list[Anomaly]:
        """Learn from a status.

        Raises
        ------
        MalformedData
            It is none.
        """
        match wire.levels(message.topic):
            case ["gateway" | "stage" as what, name, "status"] if not message.payload:
                return self._forget(what, name, now)
            case ["gateway", name, "status"]:
                status = wire.read(GatewayStatus, message.payload)
                return self._gateway(name, status, message.retain, now)
            case ["stage", name, "status"]:
                return self._stage(name, wire.read(StageStatus, message.payload), now)
            case ["gateway", name, "device", device, "status"]:
                self._shared[device] = name
            case [_, subject, device, "status"] if message.payload:
                wearable = wire.read(DeviceStatus, message.payload)
                self._worn[subject, device] = wearable.gateway
                return self._device(subject, device, wearable, now)
        return []

    def tick(self, now: Instant) -> list[Anomaly]:
        """Judge what time alone makes true."""
        return [*self._offline(now), *self._silent(now)]

    def shift(self, by: int) -> None:
        """Let ages stay what they are: the clock has stepped."""
        self._gateways = {n: _shifted(g, by) for n, g in self._gateways.items()}
        self._stages = {n: Instant(t + by) for n, t in self._stages.items()}
        self._start = None if self._start is None else Instant(self._start + by)

    def moved(self, now: Instant) -> bool:
        """Tell whether other gateways are down than when this was last asked.

        Those that were down when we last worked are, until they say something else, or
        for a moment: what their alerts muted must not stay so for want of news.
        """
        before, known = self._down, self._gateways
        self._start = now if self._start is None else self._start
        unheard = before - known.keys() if now - self._start < rules.BACK_MS else ()
        down = (n for n, g in known.items() if _down(g, n in before, now))
        self._down = frozenset([*down, *unheard])
        settled = not self._settled and now - self._start >= rules.BACK_MS
        self._settled = self._settled or settled
        return settled or self._down != before

    def unreachable(self, subject: str, device: str) -> bool:
        """Tell whether a wearable is on a gateway that is down."""
        gateway = self._worn.get((subject, device)) or self._shared.get(device)
        return gateway in self._down

    def _forget(self, what: str, name: str, now: Instant) -> list[Anomaly]:
        """Forget what was taken out of the house for good, and cleared on the bus."""
        if what == "stage":
            self._stages.pop(name, None)
            return self._facts.judge(Fact("stage_silent", name), False, now)
        self._gateways.pop(name, None)
        facts = [Fact(condition, name) for condition in GATEWAY]
        return [a for fact in facts for a in self._facts.judge(fact, False, now)]

    def _gateway(
        self, name: str, status: GatewayStatus, retained: bool, now: Instant
    ) -> list[Anomaly]:
        """Take a gateway's word on itself."""
        known = self._gateways.get(name)
        same = known is not None and known.status.online == status.online
        since = known.since if known and same else now
        behind = known.behind if known else None
        if not retained:  # what was retained may be of any age
            late = now - status.t > self._settings.clock_off_s * 1000
            behind = (behind or now) if late else None
        self._gateways[name] = gateway = Gateway(status, since, behind)
        found = list(self._offline(now))
        return [*found, *self._health(name, gateway, now)] if status.online else found

    def _health(self, name: str, gateway: Gateway, now: Instant) -> Iterator[Anomaly]:
        """Judge what a gateway says while it is online."""
        judge, status = self._facts.judge, gateway.status
        off = self._settings.clock_off_s * 1000
        # What waited in the broker is late and proves nothing, but for so long.
        behind = gateway.behind is not None and now - gateway.behind >= off
        wrong = behind or status.t - now > off
        fact = Fact("gateway_clock_off", name)
        yield from judge(fact, wrong, now, ahead_s=(status.t - now) // 1000)
        most, queue = self._settings.queued, Fact("gateway_queue_growing", name)
        calm = False if status.queued <= most / 2 else None
        many = True if status.queued >= most else calm
        yield from judge(queue, many, now, queued=status.queued)
        for condition, problem in (
            ("gateway_disk", status.disk),
            ("gateway_radio", status.problem),
        ):
            fact = Fact(condition, name)
            yield from judge(fact, bool(problem), now, problem=problem)

    def _device(
        self, subject: str, device: str, status: DeviceStatus, now: Instant
    ) -> list[Anomaly]:
        """Judge a wearable's clock; one that shows none cannot be wrong."""
        ahead = status.clock_ahead_ms
        off = None if ahead is None else abs(ahead) > self._settings.clock_off_s * 1000
        fact = Fact("device_clock_off", device, subject)
        return self._facts.judge(fact, off, now, ahead_s=(ahead or 0) // 1000)

    def _stage(self, name: str, status: StageStatus, now: Instant) -> list[Anomaly]:
        """Take an engine's word that it works; our own is watched by the portal."""
        if name == "alerts":
            return []
        known = self._stages.get(name)
        self._stages[name] = now if status.online or known is None else known
        return list(self._silent(now))

    def _offline(self, now: Instant) -> Iterator[Anomaly]:
        """Judge which gateways have been away for too long."""
        for name, gateway in self._gateways.items():
            away = now - gateway.since >= self._settings.gateway_offline_s * 1000
            wrong = False if gateway.status.online else (away or None)
            fact = Fact("gateway_offline", name)
            yield from self._facts.judge(fact, wrong, now, gateway=name)

    def _silent(self, now: Instant) -> Iterator[Anomaly]:
        """Judge which engines have said nothing for too long."""
        for name, heard in self._stages.items():
            wrong = now - heard >= self._settings.stage_silent_s * 1000
            yield from self._facts.judge(Fact("stage_silent", name), wrong, now)


def _shifted(gateway: Gateway, by: int) -> Gateway:
    behind = None if gateway.behind is None else Instant(gateway.behind + by)
    return Gateway(gateway.status, Instant(gateway.since + by), behind)


def _down(gateway: Gateway, was: bool, now: Instant) -> bool:
    """Tell whether a gateway's wearables cannot be heard: not for a moment's gap."""
    lasts = now - gateway.since
    if gateway.status.online:
        return was and lasts < rules.BACK_MS
    return was or lasts >= rules.DOWN_MS

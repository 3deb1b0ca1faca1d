"""Home Assistant's MQTT device discovery: which wearables there are, and where to look.

One retained message a wearable (home-assistant.io/integrations/mqtt, "Device discovery
payload").  Its components read our own topics, so that nothing is published twice.  A
file remembers what was announced: it is taken back when discovery is switched off, and
a restart announces no less than before.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from vitals import Kind, __version__, config, wire
from vitals.bus import Bus
from vitals.wire import Message

log = logging.getLogger(__name__)

TICK_S = 2.0

Component = dict[str, object]
Components = dict[str, Component]


class Sensor(Struct, frozen=True):
    """One number of a kind of record, in Home Assistant's words."""

    field: str  # of the record
    name: str
    unit: str
    device_class: str = ""
    icon: str = ""


# No device class for a blood pressure: Home Assistant would convert it to psi where
# people use US customary units.
SENSORS: dict[Kind, tuple[Sensor, ...]] = {
    Kind.HEART_RATE: (Sensor("hr", "Heart rate", "bpm", icon="mdi:heart-pulse"),),
    Kind.BLOOD_PRESSURE: (
        Sensor("sys", "Systolic pressure", "mmHg", icon="mdi:gauge"),
        Sensor("dia", "Diastolic pressure", "mmHg", icon="mdi:gauge"),
        Sensor("map", "Mean arterial pressure", "mmHg", icon="mdi:gauge"),
        Sensor("pulse", "Pulse at the cuff", "bpm", icon="mdi:heart-pulse"),
    ),
    Kind.BODY_TEMPERATURE: (Sensor("temp", "Body temperature", "°C", "temperature"),),
    Kind.OXYGEN_SATURATION: (
        Sensor("spo2", "Oxygen saturation", "%", icon="mdi:water-percent"),
        Sensor("pulse", "Pulse at the oximeter", "bpm", icon="mdi:heart-pulse"),
    ),
    Kind.GLUCOSE: (
        Sensor("glucose", "Glucose", "mmol/L", "blood_glucose_concentration"),
    ),
    Kind.BATTERY: (Sensor("level", "Battery", "%", "battery"),),
}
STREAMED = (Kind.HEART_RATE, Kind.OXYGEN_SATURATION)  # nothing when not connected
DIAGNOSTIC = (Kind.BATTERY,)
INFORMATION = (  # ours, Home Assistant's
    ("manufacturer", "manufacturer"),
    ("model", "model"),
    ("hardware", "hw_version"),
    ("firmware", "sw_version"),
)


class Seen(Protocol):
    """What is known of a wearable."""

    @property
    def device(self) -> config.Wearable:
        """Which one, and who wears it."""

    @property
    def kinds(self) -> Collection[Kind]:
        """What it has measured so far."""

    @property
    def information(self) -> Mapping[str, str]:
        """Its Device Information."""


class Discovery:
    """What Home Assistant has been told, and what it is to be told next."""

    def __init__(self, path: Path, settings: config.Gateway) -> None:
        """Take the file that remembers; one that cannot be read is begun anew."""
        self._path, self._settings = path, settings
        self._announced = _load(path)  # kinds by device
        self._payloads: dict[str, bytes] = {}  # told since the broker came

    async def run(self, bus: Bus, seen: Collection[Seen]) -> None:
        """Tell what has changed, for ever; everything again after the broker left."""
        while True:
            await bus.online.wait()
            for message in self.due(seen):
                await bus.publish(message)
            self.settle()
            await asyncio.sleep(TICK_S)
            if not bus.online.is_set():
                self._payloads = {}

    def due(self, seen: Iterable[Seen]) -> list[Message]:
        """Give the messages that make Home Assistant know these and no others."""
        wanted = self._wanted(seen) if self._settings.home_assistant else {}
        gone = [device for device in self._announced if device not in wanted]
        new = {d: p for d, p in wanted.items() if self._payloads.get(d) != p}
        if new:
            self._save()  # before: what is told must be known here to be taken back
        self._payloads = wanted
        return [
            *(_retained(device, b"") for device in gone),
            *(_retained(device, payload) for device, payload in new.items()),
        ]

    def settle(self) -> None:
        """Forget what was taken back; to be called once that was published."""
        left = {d: k for d, k in self._announced.items() if d in self._payloads}
        if left != self._announced:
            self._announced = left
            self._save()

    def _wanted(self, seen: Iterable[Seen]) -> dict[str, bytes]:
        wanted = {}
        for one in seen:
            device = one.device.device
            kinds = {*self._announced.get(device, ()), *one.kinds}
            if kinds and one.device.subject:  # its topics must stay the same
                self._announced[device] = sorted(kinds)
                where = one.device, self._settings.name
                wanted[device] = announcement(*where, kinds, one.information)
        return wanted

    def _save(self) -> None:
        """Write the file whole or not at all."""
        new = self._path.with_suffix(".new")
        try:
            new.write_bytes(msgspec.json.encode(self._announced))
            new.replace(self._path)
        except OSError as error:
            log.warning("cannot note what Home Assistant knows: %s", error)


def topic(device: str) -> str:
    """Give the topic of a wearable's announcement."""
    return f"homeassistant/device/{device}/config"


def announcement(
    wearable: config.Wearable,
    gateway: str,
    kinds: Collection[Kind],
    information: Mapping[str, str],
) -> bytes:
    """Give a wearable's payload, with a component for each of its numbers.

    Parameters
    ----------
    gateway
        Whose retained status, and last will, says whether anything can be known.
    information
        Device Information by our names for it, as far as it was read.
    """
    status = wire.of(wearable.subject or "", wearable.device, "status")
    there = _available(wire.gateway_topic(gateway, "status"), "online")
    both = [there, _available(status, "connected")]
    found: Components = {}
    for kind in sorted(kinds):
        for sensor in SENSORS[kind]:
            found[f"{kind}_{sensor.field}"] = _sensor(wearable, kind, sensor)
            if kind in STREAMED:
                more = {"availability": both, "availability_mode": "all"}
                found[f"{kind}_{sensor.field}"] |= more
    return msgspec.json.encode(
        {
            "device": _device(wearable, information),
            "origin": {"name": "vitals", "sw_version": __version__},
            "availability": [there],
            "components": found | _link(wearable, status),
            "qos": 1,
        }
    )


def _sensor(wearable: config.Wearable, kind: Kind, sensor: Sensor) -> Component:
    """Give one number's component: it reads the record's own topic."""
    found: Component = {
        "platform": "sensor",
        "unique_id": f"vitals_{wearable.device}_{kind}_{sensor.field}",
        "name": sensor.name,
        "state_topic": wire.of(wearable.subject or "", wearable.device, kind),
        "value_template": f"{{{{ value_json.get('{sensor.field}') }}}}",
        "unit_of_measurement": sensor.unit,
        "state_class": "measurement",
    }
    found |= {"device_class": sensor.device_class} if sensor.device_class else {}
    found |= {"icon": sensor.icon} if sensor.icon else {}
    found |= {"entity_category": "diagnostic"} if kind in DIAGNOSTIC else {}
    return found


def _link(wearable: config.Wearable, status: str) -> Components:
    """Give what the wearable's status tells: the link, and how strong it is."""
    common: Component = {"state_topic": status, "entity_category": "diagnostic"}
    unique = f"vitals_{wearable.device}"
    return {
        "connected": common
        | {
            "platform": "binary_sensor",
            "unique_id": f"{unique}_connected",
            "name": "Connected",
            "device_class": "connectivity",
            "value_template": _either("connected", "ON", "OFF"),
        },
        "rssi": common
        | {
            "platform": "sensor",
            "unique_id": f"{unique}_rssi",
            "name": "Signal",
            "device_class": "signal_strength",
            "unit_of_measurement": "dBm",
            "value_template": "{{ value_json.get('rssi') }}",
            "state_class": "measurement",
        },
    }


def _device(wearable: config.Wearable, information: Mapping[str, str]) -> Component:
    """Say which device; its serial number is nobody's business there."""
    found: Component = {
        "identifiers": [f"vitals_{wearable.device}"],
        "name": wearable.device,
    }
    for ours, theirs in INFORMATION:
        if ours in information:
            found[theirs] = information[ours]
    return found


def _available(where: str, key: str) -> Component:
    """Read availability off one of our retained statuses."""
    return {"topic": where, "value_template": _either(key, "online", "offline")}


def _either(key: str, true: str, false: str) -> str:
    return f"{{{{ '{true}' if value_json.get('{key}') else '{false}' }}}}"


def _retained(device: str, payload: bytes) -> Message:
    return Message(topic(device), payload, retain=True)


def _load(path: Path) -> dict[str, list[Kind]]:
    """Read what was announced; nothing where there is no file, or no good one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, list[Kind]])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s: begun anew: %s", path, error)
        return {}

"""What Home Assistant is told, held to its documentation and read with its templates.

home-assistant.io/integrations/mqtt, "Device discovery payload": `device` and `origin`
at the root are mandatory; every component has a `platform` and a `unique_id`; an empty
retained payload takes everything back.
"""

import json
import re
from dataclasses import dataclass, field

import msgspec
import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.discovery import SENSORS, Discovery, announcement, topic
from vitals import DeviceStatus, GatewayStatus, Kind, wire
from vitals.config import Gateway, Wearable
from vitals.model import (
    RECORDS,
    Battery,
    BloodPressure,
    BodyTemperature,
    Glucose,
    HeartRate,
    OxygenSaturation,
)

# The options that the documentation lists.
ROOT = {
    *("device", "origin", "components", "availability", "availability_mode"),
    *("availability_topic", "availability_template", "payload_available"),
    *("payload_not_available", "state_topic", "command_topic", "qos", "encoding"),
}
DEVICE = {
    *("identifiers", "connections", "manufacturer", "model", "model_id", "name"),
    *("hw_version", "sw_version", "serial_number", "suggested_area", "via_device"),
    "configuration_url",
}
ORIGIN = {"name", "sw_version", "support_url"}
COMPONENT = {
    *("platform", "unique_id", "name", "state_topic", "value_template", "icon"),
    *("availability", "availability_mode", "device_class", "entity_category"),
    *("unit_of_measurement", "state_class", "expire_after"),
}
AVAILABILITY = {"topic", "value_template", "payload_available", "payload_not_available"}
UNITS = {  # of the device classes that we use (integrations/sensor#device-class)
    "temperature": {"°C", "°F", "K"},
    "battery": {"%"},
    "blood_glucose_concentration": {"mg/dL", "mmol/L"},
    "signal_strength": {"dB", "dBm"},
    "connectivity": {None},
}
TOPIC = re.compile(r"homeassistant/device/[a-zA-Z0-9_-]+/config")

STRAP = Wearable(device="strap-1", subject="p-1", address="C0:00:00:00:00:01")
ON, OFF = Gateway(name="gw-1", home_assistant=True), Gateway(name="gw-1")
T = 1_763_726_400_000
SAID = [
    (HeartRate(t=T, hr=72.0, rr=(812.5,)), {"hr": "72.0"}),
    (HeartRate(t=T, hr=None, q=("off_body",)), {"hr": "None"}),
    (
        BloodPressure(t=T, sys=128.0, dia=82.0, map=97.5, pulse=66.0),
        {"sys": "128.0", "dia": "82.0", "map": "97.5", "pulse": "66.0"},
    ),
    (
        BloodPressure(t=T, sys=None, dia=82.0),
        {"sys": "None", "dia": "82.0", "map": "None", "pulse": "None"},
    ),
    (BodyTemperature(t=T, temp=36.6), {"temp": "36.6"}),
    (OxygenSaturation(t=T, spo2=97.0), {"spo2": "97.0", "pulse": "None"}),
    (Glucose(t=T, glucose=5.4), {"glucose": "5.4"}),
    (Battery(t=T, level=81.0), {"level": "81.0"}),
]


@dataclass
class Seen:
    device: Wearable = STRAP
    kinds: set = field(default_factory=set)
    information: dict = field(default_factory=dict)


def payload(kinds=tuple(Kind), information=None):
    return json.loads(announcement(STRAP, "gw-1", kinds, information or {}))


def render(template, message):
    """Read a message as Home Assistant does."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    read = environment.from_string(template)
    return read.render(value_json=json.loads(message), value=message.decode())


def test_the_payload_has_the_documented_shape():
    told = payload(information={"model": "H10", "firmware": "5.0", "serial": "77"})
    assert told.keys() <= ROOT
    assert {"device", "origin", "components"} <= told.keys()
    assert told["device"].keys() <= DEVICE
    assert told["device"]["identifiers"] == ["vitals_strap-1"]
    assert told["device"]["model"] == "H10"
    assert told["device"]["sw_version"] == "5.0"
    assert "77" not in json.dumps(told)
    assert told["origin"].keys() <= ORIGIN
    assert told["origin"]["name"] == "vitals"
    for one in told["availability"]:
        assert one.keys() <= AVAILABILITY
    unique = [one["unique_id"] for one in told["components"].values()]
    assert len(set(unique)) == len(unique)
    assert TOPIC.fullmatch(topic(STRAP.device))


@pytest.mark.parametrize("name", payload()["components"])
def test_every_component_has_the_documented_shape(name):
    found = payload()["components"][name]
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", name)
    assert found.keys() <= COMPONENT
    assert found["platform"] in ("sensor", "binary_sensor")
    assert found["unique_id"].startswith("vitals_strap-1_")
    assert "+" not in found["state_topic"]
    assert "#" not in found["state_topic"]
    if "device_class" in found:
        allowed = UNITS[found["device_class"]]
        assert found.get("unit_of_measurement") in allowed
    if found["platform"] == "sensor":
        assert found["state_class"] == "measurement"
        assert found["unit_of_measurement"]
    assert found.get("availability_mode", "latest") in ("all", "any", "latest")


@pytest.mark.parametrize(("record", "values"), SAID)
def test_its_templates_read_our_own_records(record, values):
    """What a component reads is exactly what the gateway publishes for the record."""
    kind = next(kind for kind, noun in RECORDS.items() if noun is type(record))
    told = payload([kind])["components"]
    for sensor in SENSORS[kind]:
        component = told[f"{kind}_{sensor.field}"]
        assert component["state_topic"] == wire.of("p-1", "strap-1", kind)
        message = wire.encode(record)
        assert render(component["value_template"], message) == values[sensor.field]


def test_every_kind_of_record_has_its_sensors():
    assert SENSORS.keys() == set(Kind)
    for kind, sensors in SENSORS.items():
        fields = RECORDS[kind].__struct_fields__
        assert all(sensor.field in fields for sensor in sensors)


def test_availability_follows_the_gateways_last_will_and_the_link():
    told = payload([Kind.HEART_RATE, Kind.BLOOD_PRESSURE])
    (gateway,) = told["availability"]
    assert gateway["topic"] == wire.gateway_topic("gw-1", "status")
    here, away = (GatewayStatus(online=on, t=T) for on in (True, False))
    assert render(gateway["value_template"], wire.encode(here)) == "online"
    assert render(gateway["value_template"], wire.encode(away)) == "offline"
    rate = told["components"]["heart_rate_hr"]
    assert rate["availability_mode"] == "all"
    link = rate["availability"][1]
    assert link["topic"] == wire.of("p-1", "strap-1", "status")
    for connected, word in ((True, "online"), (False, "offline")):
        status = wire.encode(DeviceStatus(t=T, connected=connected))
        assert render(link["value_template"], status) == word
    # A cuff is hardly ever connected: its last reading stays to be seen.
    assert "availability" not in told["components"]["blood_pressure_sys"]


def test_link_and_signal_are_read_off_the_status():
    told = payload([Kind.HEART_RATE])["components"]
    status = wire.encode(DeviceStatus(t=T, connected=True, rssi=-61))
    assert render(told["connected"]["value_template"], status) == "ON"
    assert render(told["rssi"]["value_template"], status) == "-61"
    nothing = wire.encode(DeviceStatus(t=T, connected=False))
    assert render(told["connected"]["value_template"], nothing) == "OFF"
    assert render(told["rssi"]["value_template"], nothing) == "None"


# -- when it is told -------------------------------------------------------------------


def tell(discovery, *seen):
    """Publish what is due; give it by topic."""
    messages = discovery.due(seen)
    discovery.settle()
    assert all(message.retain for message in messages)
    return {message.topic: message.payload for message in messages}


def test_by_default_nothing_is_told_and_nothing_kept(tmp_path):
    discovery = Discovery(tmp_path / "told.json", OFF)
    assert tell(discovery, Seen(kinds={Kind.HEART_RATE})) == {}
    assert not (tmp_path / "told.json").exists()
    assert Gateway().home_assistant is False


def test_a_wearable_is_told_once_and_again_when_more_is_known(tmp_path):
    discovery, strap = Discovery(tmp_path / "told.json", ON), Seen()
    assert tell(discovery, strap) == {}  # nothing is known of it yet
    strap.kinds = {Kind.HEART_RATE}
    assert tell(discovery, strap).keys() == {"homeassistant/device/strap-1/config"}
    assert tell(discovery, strap) == {}
    strap.kinds = {Kind.HEART_RATE, Kind.BATTERY}
    (more,) = tell(discovery, strap).values()
    assert "battery_level" in json.loads(more)["components"]


def test_a_restart_announces_no_less_than_before(tmp_path):
    path = tmp_path / "told.json"
    tell(Discovery(path, ON), Seen(kinds={Kind.HEART_RATE, Kind.BATTERY}))
    (again,) = tell(Discovery(path, ON), Seen()).values()
    assert "battery_level" in json.loads(again)["components"]


def test_switched_off_everything_is_taken_back_once(tmp_path):
    path = tmp_path / "told.json"
    tell(Discovery(path, ON), Seen(kinds={Kind.HEART_RATE}))
    off = Discovery(path, OFF)
    assert tell(off, Seen(kinds={Kind.HEART_RATE})) == {topic("strap-1"): b""}
    assert tell(off, Seen(kinds={Kind.HEART_RATE})) == {}
    assert tell(Discovery(path, OFF), Seen()) == {}


def test_what_was_not_taken_back_yet_is_after_a_restart(tmp_path):
    path = tmp_path / "told.json"
    tell(Discovery(path, ON), Seen(kinds={Kind.HEART_RATE}))
    assert Discovery(path, OFF).due([]) != []  # and the power goes before it is sent
    assert tell(Discovery(path, OFF)) == {topic("strap-1"): b""}


def test_a_wearable_that_is_let_go_is_taken_back(tmp_path):
    discovery = Discovery(tmp_path / "told.json", ON)
    cuff = Wearable(device="cuff-1", subject="p-1", address="C0:00:00:00:00:02")
    both = Seen(kinds={Kind.HEART_RATE}), Seen(cuff, {Kind.BLOOD_PRESSURE})
    assert len(tell(discovery, *both)) == 2
    assert tell(discovery, both[0]) == {topic("cuff-1"): b""}


def test_a_broken_memory_is_begun_anew(tmp_path, caplog):
    path = tmp_path / "told.json"
    path.write_bytes(b"{")
    assert len(tell(Discovery(path, ON), Seen(kinds={Kind.BATTERY}))) == 1
    assert "begun anew" in caplog.text
    assert msgspec.json.decode(path.read_bytes()) == {"strap-1": ["battery"]}

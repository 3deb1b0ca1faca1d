"""The doctor and real brokers: each thing that can be wrong is one line with advice."""

import socket
import subprocess
import time

import pytest

from vitals import DeviceStatus, GatewayStatus, Unavailable, broker, config, wire
from vitals.cli.doctor.broker import Statuses, check
from vitals.cli.doctor.fleet import gateways
from vitals.clock import now
from vitals.mqtt import MqttBus
from vitals.wire import Message

# paho drops the socket of a failed handshake for the garbage collector to close.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def findings(**settings):
    told = Statuses()
    found = list(check(config.Mqtt(**settings), told, now()))
    for one in found:
        print(one.name, one.level, one.text)
        assert "\n" not in one.text
    return found


def the_problem(**settings):
    *before, last = findings(**settings)
    assert all(one.level == "ok" for one in before)
    assert last.level == "PROBLEM"
    assert "; " in last.text  # what, and what to do
    return last.text


def test_a_wrong_port_is_said():
    text = the_problem(port=broker.free_port())
    assert "nothing listens" in text
    assert "apt install mosquitto" in text


def test_a_name_that_nobody_knows_is_said():
    assert "nobody knows the name" in the_problem(host="broker.invalid")


def test_a_good_broker_is_said_with_its_protocol(mosquitto):
    (found,) = findings(port=mosquitto())
    assert found.level == "ok"
    assert "MQTT 5" in found.text


def test_a_wrong_password_is_said(mosquitto, tmp_path):
    users, word = tmp_path / "users", tmp_path / "word"
    made = ["mosquitto_passwd", "-b", "-c", str(users), "gw-1", "correct"]
    subprocess.run(made, check=True, capture_output=True)
    port = mosquitto(f"password_file {users}", anonymous=False)
    who = {"port": port, "username": "gw-1", "password_file": str(word)}
    word.write_text("wrong\n")
    text = the_problem(**who)
    assert "refuses gw-1" in text
    assert "mqtt.password_file" in text
    word.write_text("correct\n")
    assert [one.level for one in findings(**who)] == ["ok"]


def test_an_anonymous_client_where_names_are_wanted_is_said(mosquitto):
    text = the_problem(port=mosquitto(anonymous=False))
    assert "a client without a name" in text


def test_a_good_certificate_is_said_with_its_days(secured, authority):
    tls, login = findings(port=secured(authority.sign(ends=90)), ca=authority.ca)
    assert (tls.level, login.level) == ("ok", "ok")
    assert "89 days" in tls.text or "90 days" in tls.text


def test_a_certificate_that_ends_soon_is_a_warning(secured, authority):
    tls, _ = findings(port=secured(authority.sign(ends=8)), ca=authority.ca)
    assert tls.level == "warning"
    assert "renew it" in tls.text


BAD = {
    "expired": ({"begins": -20, "ends": -3}, "expired on 20"),
    "not yet": ({"begins": 3, "ends": 20}, "is our clock right?"),
    "a name": ({"host": "broker.lan"}, "is for broker.lan, not for 127.0.0.1"),
    "an address": ({"host": "10.1.1.1"}, "is for 10.1.1.1, not for 127.0.0.1"),
}


@pytest.mark.parametrize("what", BAD)
def test_a11_a_bad_certificate_is_explained_and_never_accepted(
    run, secured, authority, what
):
    wrong, words = BAD[what]
    port = secured(authority.sign(**wrong))
    assert words in the_problem(port=port, ca=authority.ca)
    assert not run(connects(port=port, ca=authority.ca))


def test_a11_a_broker_that_somebody_else_vouches_for_is_never_accepted(
    run, secured, authority, stranger
):
    port = secured(stranger.sign())
    assert "vouches" in the_problem(port=port, ca=authority.ca)
    assert not run(connects(port=port, ca=authority.ca))
    assert run(connects(60, port=port, ca=stranger.ca))  # the control: it works at all


def test_a11_no_key_of_the_configuration_switches_the_check_off():
    keys = set(config.Mqtt.__struct_fields__)
    assert not {k for k in keys if "insecure" in k or "verify" in k or "check" in k}
    with pytest.raises(config.ConfigError, match=r"mqtt\.insecure: unknown key"):
        config.parse("[mqtt]\ninsecure = true")


def test_a11_plain_text_to_another_machine_is_a_warning(monkeypatch):
    from vitals.cli.doctor.broker import certificate

    (found,) = certificate(config.Mqtt(host="192.0.2.1"), now())
    assert found.level == "warning"
    assert "set mqtt.ca" in found.text
    assert certificate(config.Mqtt(), now()) == []


async def connects(patience_s=1.5, **settings):
    async with MqttBus(config.Mqtt(**settings)) as bus:
        try:
            await bus.ready(patience_s)
        except Unavailable:
            return False
        return True


def test_tls_where_there_is_none_is_said(mosquitto, authority):
    text = the_problem(port=mosquitto(), ca=authority.ca)
    assert "no TLS on this port" in text


def test_plain_text_where_there_is_tls_is_said(secured, authority):
    text = the_problem(port=secured(authority.sign()))
    assert "speaks TLS; set mqtt.ca" in text


def test_a_missing_file_of_certificates_is_said(mosquitto):
    assert "/nowhere/ca.pem" in the_problem(port=mosquitto(), ca="/nowhere/ca.pem")


def test_a_broker_that_wants_our_certificate_is_said(secured, authority):
    lines = f"cafile {authority.ca}", "require_certificate true"
    port = secured(authority.sign(), *lines)
    text = the_problem(port=port, ca=authority.ca)
    assert "mqtt.certificate" in text
    certificate, key = authority.sign("gw-1")
    ours = {"ca": authority.ca, "certificate": certificate, "key": key}
    assert [one.level for one in findings(port=port, **ours)] == ["ok", "ok"]


def test_a_port_that_never_answers_is_said():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        began = time.monotonic()
        text = the_problem(port=mute.getsockname()[1])
        assert time.monotonic() - began < 20
    assert "no answer" in text or "lost" in text


def test_a22_gateways_and_wearables_are_read_off_the_broker(run, mosquitto):
    settings = {"port": mosquitto()}
    moment = now()
    full = GatewayStatus(online=True, t=moment, queued=7, dropped=3, malformed=2)
    strap = DeviceStatus(t=moment, connected=True, rssi=-61, battery=81, last=moment)

    async def publish():
        async with MqttBus(config.Mqtt(**settings)) as bus:
            await bus.ready()
            for topic, noun in (
                (wire.gateway_topic("gw-1", "status"), full),
                (wire.of("p-1", "strap-1", "status"), strap),
                (wire.shared_topic("gw-1", "cuff"), strap),
            ):
                await bus.publish(Message(topic, wire.encode(noun), retain=True))

    run(publish())
    told = Statuses()
    list(check(config.Mqtt(**settings), told, moment))
    assert told.gateways == {"gw-1": full}
    assert told.devices == {"strap-1": strap, "cuff": strap}
    (row,) = gateways(told.gateways, moment)
    assert row.text == "gw-1: 7 queued, 3 dropped, 2 malformed"

import re
from pathlib import Path
from typing import get_args

import pytest
from msgspec import Struct
from msgspec.structs import fields

from vitals import config
from vitals.errors import ConfigError
from vitals.sections import Section

ROOT = Path(__file__).parents[2]
ROOMS = "vitals", "gateway", "ingest", "dsp", "alerts", "firmware_sim", "portal"
# Where tables are declared and checked: to use a key is to read it elsewhere, or as
# a part of what its own table answers.
DECLARED = "config", "detection", "staff", "channels", "simulation"

WORN = """
[[gateway.wearables]]
device = "{}"
subject = "p-1"
address = "{}"
"""

SECURED = WORN.format("a", "C0:00:00:00:00:01") + "{}\n"


SHARED = """
[[gateway.wearables]]
device = "cuff"
address = "C0:00:00:00:00:01"
{}
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 'red'", "colour: unknown key"),
        ("[gateway]\nnmae = 'x'", "gateway.nmae: unknown key"),
        ("[[sim.wearables]]\nkind = 'ring'", "sim.wearables[0]"),
        ("[portal]\nport = 'eighty'", "portal.port"),
        ("[portal]\nport = 70000", "portal.port"),
        ("[dsp.limits]\nheart_rate = {hihg = 3}", "hihg: unknown key"),
        ("= nonsense", "is not TOML"),
        ("[dsp.limits]\nhart_rate = {high = 3}", "dsp.limits.hart_rate: unknown"),
        (
            "[dsp.limits]\nrr_interval = {high = 1500}",
            "dsp.limits.rr_interval: intervals have no limit; limit heart_rate",
        ),
        ("[dsp.silence_s]\nhart_rate = 3", "dsp.silence_s.hart_rate: unknown"),
        ("[dsp.silence_s]\nheart_rate = -1", "dsp.silence_s"),
        ("[dsp]\ntick_s = inf", "dsp.tick_s"),
        ("[mqtt]\ncertificate = 'x'", "mqtt.ca"),
        (WORN.format("a", "C0:00:00:00:00:01") * 2, "wearables[1].device"),
        (
            WORN.format("a", "C0:00:00:00:00:0a")
            + WORN.format("b", "c0:00:00:00:00:0A"),
            "wearables[1].address",
        ),
        (WORN.format("alert", "C0:00:00:00:00:01"), "called alert"),
        (WORN.format("a", "strap nr 1"), "wearables[0].address"),
        (SHARED.format(""), "wearables[0].subject: whose is cuff?"),
        (SHARED.format("subject = 'p'\nshared = ['q']"), "wearables[0].subject"),
        (SHARED.format("users = {1 = 'p'}\nshared = ['q']"), "wearables[0].subject"),
        (SHARED.format("users = {300 = 'p'}"), "wearables[0].users: a user slot"),
        (SHARED.format("users = {one = 'p'}"), "wearables[0].users: a user slot"),
        (SHARED.format("users = {1 = 'Anna'}"), "wearables[0].users"),
        (SHARED.format("shared = ['Anna']"), "wearables[0].shared[0]"),
        (SHARED.format("shared = ['p']\nminutes = 0"), "wearables[0].minutes"),
        (SECURED.format("passkey = '12345'"), "wearables[0].passkey: takes six digits"),
        (SECURED.format("passkey = 123456"), "wearables[0].passkey"),
        (SECURED.format("irk = 'abc'"), "wearables[0].irk: takes 32 hexadecimal"),
        (
            SECURED.format("passkey = '012345'\npasskey_file = 'x'"),
            "wearables[0].passkey: there is a passkey_file",
        ),
        ("[gateway]\nadapter = ['hci0', 'hci0']", "gateway.adapter: one is there"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(text, words):
    with pytest.raises(ConfigError) as error:
        config.parse(text, "vitals.toml")
    assert words in str(error.value)
    assert str(error.value).startswith("vitals.toml")
    assert "\n" not in str(error.value)


def test_an_empty_file_is_a_whole_configuration():
    assert config.parse("") == config.Config()


def test_a_secret_is_the_first_line_of_its_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("word \nmore\n")
    assert config.secret(str(path)) == "word"
    assert config.secret("") == ""
    with pytest.raises(ConfigError, match="none"):
        config.secret(str(tmp_path / "none"))


def test_a14_a_wearable_says_whose_it_can_be():
    [cuff] = config.parse(
        SHARED.format("users = {1 = 'p-1', 2 = 'p-2', 3 = 'p-1'}")
    ).gateway.wearables
    assert cuff.users == {1: "p-1", 2: "p-2", 3: "p-1"}
    assert cuff.subjects == ("p-1", "p-2")
    [cuff] = config.parse(SHARED.format("shared = ['p-1']")).gateway.wearables
    assert (cuff.subjects, cuff.minutes) == (("p-1",), 10)


@pytest.mark.parametrize(
    ("text", "adapters"),
    [("''", ("",)), ("'hci1'", ("hci1",)), ("['hci0', 'usb:0']", ("hci0", "usb:0"))],
)
def test_a_gateway_has_one_adapter_or_several(text, adapters):
    assert config.parse(f"[gateway]\nadapter = {text}").gateway.adapters == adapters


def test_a_passkey_is_six_digits_wherever_it_stands(tmp_path):
    path = tmp_path / "passkey"
    worn = {"device": "a", "subject": "p-1", "address": "C0:00:00:00:00:01"}
    assert config.passkey(config.Wearable(**worn)) == ""
    assert config.passkey(config.Wearable(**worn, passkey="000042")) == "000042"
    path.write_text("000042\n")
    filed = config.Wearable(**worn, passkey_file=str(path))
    assert config.passkey(filed) == "000042"
    path.write_text("my birthday\n")
    with pytest.raises(ConfigError, match="six digits"):
        config.passkey(filed)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[[alerts.people]]\nname = "a"\n[[alerts.people]]\nname = "a"', "once"),
        ('[[alerts.people]]\nname = "house"', "house"),
        ('[[alerts.people]]\nname = "a"\ntime_zone = "Mars/Base"', "Mars/Base"),
        ('[[alerts.shifts]]\nperson = "a"\nbegin = 0\nend = 60', "nobody is called a"),
        ("[alerts]\nrepeat_s = { high = 0 }", "repeat_s.high"),
        (
            '[[gateway.wearables]]\ndevice = "d"\naddress = "C0:00:00:00:00:01"\n'
            'subject = "house"',
            "no subject may be called house",
        ),
    ],
)
def test_who_is_told_must_be_somebody_and_nobody_is_the_house(text, wrong):
    with pytest.raises(ConfigError, match=wrong):
        config.parse(text)


def tables(kind):
    """Give a table, and those in it."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
        kinds = [field.type for field in fields(kind)]
    else:
        kinds = get_args(kind)
    for one in kinds:
        yield from tables(one)


def unread(kind):
    """Give the keys that nothing in the house reads, as far as words can tell."""
    words = set()
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        declares = path.parent.name == "vitals" and path.stem in DECLARED
        pattern = r"self\.(\w+)" if declares else r"\.(\w+)"
        words |= set(re.findall(pattern, path.read_text()))
    keys = {(table, field.name) for table in tables(kind) for field in fields(table)}
    return sorted(f"{table.__name__}.{key}" for table, key in keys if key not in words)


def test_every_key_is_read_by_somebody():
    assert unread(config.Config) == []


class Forgotten(Section, frozen=True):
    """A table with a key that nobody reads."""

    host: str = ""
    colour_of_the_door: str = ""


def test_negative_control_a_key_that_nobody_reads_is_found():
    assert unread(tuple[Forgotten, ...]) == ["Forgotten.colour_of_the_door"]

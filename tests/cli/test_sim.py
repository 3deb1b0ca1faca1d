"""`vitals sim`: what there is, and what goes wrong with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_sim.faults import KINDS
from firmware_sim.scenario import names
from vitals import config
from vitals.cli import parser, sim
from vitals.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent


def asked(*words):
    return sim.settings(parser().parse_args(["sim", *words]))


def test_the_list_shows_every_scenario_and_every_fault(capsys):
    sim.show()
    shown = capsys.readouterr().out
    assert all(name in shown for name in names())
    assert all(f"  {kind} " in shown for kind in KINDS)


def test_faults_of_the_command_line_join_those_of_the_file():
    faults = ["--fault", "strap-1:silent@30+10", "--fault", "all:lost*0.1"]
    chosen = asked("--scenario", "link-drops", *faults, "--speed", "7")
    [wearable] = chosen.wearables
    assert [f.kind for f in wearable.faults[-2:]] == ["silent", "lost"]
    assert len(wearable.faults) > 2
    assert chosen.speed == 7


def test_the_gateways_adapter_has_faults_of_its_own():
    chosen = asked("--scenario", "strap-off", "--fault", "adapter:mute@3+5")
    [fault] = chosen.faults
    assert (fault.kind, fault.at_s, fault.for_s) == ("mute", 3, 5)
    with pytest.raises(ConfigError, match="an adapter knows"):
        asked("--scenario", "strap-off", "--fault", "adapter:nan")


def test_the_documented_sample_can_be_simulated():
    chosen = asked("--config", str(ROOT / "deploy" / "vitals.toml"), "--port", "0")
    assert chosen.port == 0
    assert chosen.wearables


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--fault", "ring:lost"], "no such device; there is strap-1"),
        (["--set", "ring:contact=false"], "no such device; there is strap-1"),
        (["--set", "strap-1:colour=red"], "--set colour=red: .*unknown field"),
        (["--set", "strap-1:passkey=12"], "--set passkey=12"),
        (["--fault", "strap-1:loss"], "no such kind"),
        (["--speed", "0"], "--speed"),
    ],
)
def test_what_cannot_be_simulated_is_one_clear_line(words, says):
    with pytest.raises(ConfigError, match=says):
        asked("--scenario", "strap-off", *words)


def test_a_wearable_is_secured_and_hidden_from_the_command_line():
    words = "security=passkey", "passkey=012345", "private_s=900"
    options = [part for word in words for part in ("--set", f"all:{word}")]
    sim = asked("--scenario", "strap-off", *options, "--bonds", "bonds.json")
    (wearable,) = sim.wearables
    assert (wearable.security, wearable.passkey) == ("passkey", "012345")
    assert wearable.private_s == 900
    assert sim.bonds == "bonds.json"


def test_it_runs_and_says_how_a_gateway_reaches_it(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    words = ["--scenario", "strap-off", "--port", "0", "--seconds", "1"]
    command = [sys.executable, "-m", "vitals", "sim", *words, "--ledger", str(ledger)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=180, cwd=ROOT, check=True
    )
    found = config.parse(done.stdout).gateway
    assert found.adapter.startswith("tcp-client:127.0.0.1:")
    assert [(w.device, w.subject) for w in found.wearables] == [("strap-1", "p-anna")]
    assert [json.loads(line) for line in ledger.read_text().splitlines()] == []

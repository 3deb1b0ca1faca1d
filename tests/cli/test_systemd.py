"""The units that we ship, and the real process under a pretended systemd."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vitals.cli import parser

ROOT = Path(__file__).parent.parent.parent
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
needs_analyze = pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze")


def values(unit, key):
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.M)


@pytest.fixture(params=UNITS, ids=lambda unit: unit.stem)
def unit(request):
    return request.param


def test_every_stage_has_its_unit():
    stages = " ".join(values(one, "ExecStart")[0] for one in UNITS)
    for stage in ("gateway", "ingest", "alerts", "portal", "dsp"):
        assert re.search(rf"\b{stage}\b", stages), stage


def test_what_a_unit_starts_is_a_command_that_we_have(unit):
    (command,) = values(unit, "ExecStart")
    program, *arguments = shlex.split(command)
    assert program == "/opt/vitals/bin/vitals"
    chosen = parser().parse_args(arguments)
    assert chosen.config == "/etc/vitals/vitals.toml"


def test_a_unit_is_watched_restarted_and_has_no_privileges(unit):
    assert values(unit, "Type") == ["notify"]
    assert values(unit, "WatchdogSec")
    assert values(unit, "Restart") == ["always"]
    assert values(unit, "DynamicUser") == ["yes"]
    assert values(unit, "StateDirectory") == ["vitals"]
    assert values(unit, "CapabilityBoundingSet") == [""]
    assert "MALLOC_ARENA_MAX=1" in values(unit, "Environment")[0]
    compiles = unit.stem == "vitals-dsp"
    assert bool(values(unit, "MemoryDenyWriteExecute")) is not compiles
    assert ("NUMBA_CACHE_DIR=%C/vitals" in unit.read_text()) is compiles


@needs_analyze
def test_a_units_exposure_is_at_most_2(unit):
    command = [ANALYZE, "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True)
    exposure = float(re.search(r"exposure level.*: ([0-9.]+)", done.stdout)[1])
    print(unit.stem, exposure)
    assert exposure <= 2.0


@needs_analyze
def test_systemd_understands_every_line(unit):
    command = [ANALYZE, "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert [line for line in said if "is not executable" not in line] == []


# -- the real process ------------------------------------------------------------------


class Systemd:
    """Hears what a process says with sd_notify."""

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.said = []

    def hear(self, word, seconds=60):
        until = time.monotonic() + seconds
        while word not in self.said:
            self.socket.settimeout(max(0.01, until - time.monotonic()))
            try:
                self.said += self.socket.recv(4096).decode().splitlines()
            except TimeoutError:
                pytest.fail(f"{word} was not said in {seconds} s: {self.said}")


@pytest.fixture
def systemd(tmp_path):
    ear = Systemd(tmp_path)
    yield ear
    ear.socket.close()


@pytest.fixture
def gateway(tmp_path, systemd):
    """`vitals run gateway` without broker or radio, as systemd starts it."""
    config = tmp_path / "vitals.toml"
    config.write_text(f'data = "{tmp_path / "data"}"\n[mqtt]\nport = 1\n')
    environment = os.environ | {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "900000",
    }
    command = [sys.executable, "-m", "vitals", "run", "gateway", "--config", config]
    process = subprocess.Popen(
        command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_real_gateway_is_ready_lives_and_stops(gateway, systemd):
    systemd.hear("READY=1")
    systemd.hear("WATCHDOG=1")
    systemd.said.clear()
    systemd.hear("WATCHDOG=1")  # again and again, though broker and radio are away
    gateway.send_signal(signal.SIGTERM)
    systemd.hear("STOPPING=1")
    assert gateway.wait(60) == 0


@pytest.mark.slow
def test_a_real_gateway_that_hangs_is_not_fed_for(gateway, systemd):
    systemd.hear("WATCHDOG=1")
    gateway.send_signal(signal.SIGSTOP)
    time.sleep(0.1)
    systemd.socket.settimeout(0.05)
    try:
        while systemd.socket.recv(4096):
            pass
    except TimeoutError:
        pass
    systemd.socket.settimeout(1.0)  # longer than the watchdog allows
    with pytest.raises(TimeoutError):
        systemd.socket.recv(4096)
    gateway.send_signal(signal.SIGCONT)
    systemd.said.clear()
    systemd.hear("WATCHDOG=1")  # the control

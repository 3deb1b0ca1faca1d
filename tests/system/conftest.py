"""Real processes on real servers: mosquitto, influxd, and each stage on its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from vitals import broker

ROOT = Path(__file__).parent.parent.parent
INFLUXD = shutil.which("influxd") or "/usr/bin/influxd"


def wait_for(true, seconds=60, what="it"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
            if found := true():
                return found
        time.sleep(0.05)
    pytest.fail(f"{what} did not happen within {seconds} s")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Processes:
    """Children by name; all are stopped by their process ids at the end."""

    def __init__(self, folder):
        self.folder, self.running = folder, {}

    def start(self, name, *command, env=None):
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.running[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        return self.running[name]

    def kill(self, name, number=signal.SIGKILL):
        process = self.running.pop(name)
        process.send_signal(number)
        process.wait(20)
        return process.returncode

    def stop_all(self):
        for name in reversed(list(self.running)):
            self.running[name].terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture
def processes(tmp_path):
    children = Processes(tmp_path)
    yield children
    children.stop_all()


@pytest.fixture
def mosquitto(processes, tmp_path):
    """A mosquitto as we advise to run one; gives its port."""
    program = broker.find_mosquitto()
    if not program:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    port, data = broker.free_port(), tmp_path / "mosquitto"
    data.mkdir()
    conf = data / "mosquitto.conf"
    owner = f"user {data.owner()}\n"
    conf.write_text(broker.CONF.format(port=port, data=data) + owner)
    processes.start("mosquitto", program, "-c", str(conf))
    wait_for(lambda: listens(port), what="mosquitto listening")
    return port


class Influx:
    """InfluxDB 1.6.7, by its HTTP API."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def query(self, text, **parameters):
        parameters = {"db": "vitals", "q": text, "epoch": "ns", **parameters}
        url = f"{self.url}/query?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            result = json.load(answer)["results"][0]
        if "database not found" in result.get("error", ""):
            return []
        assert "error" not in result, result
        return result.get("series", [])


@pytest.fixture
def influxd(processes, tmp_path):
    """A running influxd with an empty store."""
    if not Path(INFLUXD).exists():
        pytest.skip("influxd is not installed: apt install influxdb")
    port, rpc, data = broker.free_port(), broker.free_port(), tmp_path / "influxd"
    conf = tmp_path / "influxd.conf"
    conf.write_text(f"""
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{data}/meta"
[data]
dir = "{data}/data"
wal-dir = "{data}/wal"
query-log-enabled = false
[coordinator]
write-timeout = "60s"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
[monitor]
store-enabled = false
""")
    processes.start("influxd", INFLUXD, "-config", str(conf))
    influx = Influx(port)
    wait_for(lambda: influx.query("SHOW DATABASES"), what="influxd answering")
    return influx


@pytest.fixture
def vitals(processes):
    """Start `vitals …` as a process of its own."""

    def start(name, *arguments):
        return processes.start(name, sys.executable, "-m", "vitals", *arguments)

    return start

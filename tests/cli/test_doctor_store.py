"""The doctor and InfluxDB: away, closed to us, empty, and well."""

import base64
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from vitals import broker, config
from vitals.cli.doctor.store import influx, store

CONF = """reporting-disabled = true
bind-address = "127.0.0.1:{back}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = true
log-enabled = false
[monitor]
store-enabled = false
"""


@pytest.fixture
def closed(tmp_path):
    """A real influxd that wants a login: admin, correct; give its URL."""
    if not shutil.which("influxd"):
        pytest.skip("influxd is not installed (Debian package influxdb)")
    port, back = broker.free_port(), broker.free_port()
    conf = tmp_path / "influxd.conf"
    conf.write_text(CONF.format(folder=tmp_path, port=port, back=back))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(["influxd", "-config", str(conf)], **quiet)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url)
        _query(url, "CREATE USER admin WITH PASSWORD 'correct' WITH ALL PRIVILEGES")
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _await(url):
    for _ in range(1200):  # a minute
        try:
            urllib.request.urlopen(f"{url}/ping", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("influxd does not answer")


def _query(url, statement, authorization=""):
    data = urllib.parse.urlencode({"q": statement}).encode()
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(f"{url}/query", data, headers)
    urllib.request.urlopen(request, timeout=60).close()


@pytest.mark.slow
def test_influxdb_that_refuses_us_or_is_empty_or_well_is_said(closed, tmp_path):
    word = tmp_path / "authorization"
    login = f"Basic {base64.b64encode(b'admin:correct').decode()}"
    settings = config.Store(kind="influx", url=closed, authorization_file=str(word))
    for wrong in ("Basic d3Jvbmc6d3Jvbmc=", ""):
        word.write_text(f"{wrong}\n")
        refused = influx(settings)
        assert refused.level == "PROBLEM"
        assert "store.authorization_file" in refused.text
    word.write_text(f"{login}\n")
    empty = influx(settings)
    assert empty.level == "warning"
    assert "ingest makes it" in empty.text
    _query(closed, "CREATE DATABASE vitals", login)
    well = influx(settings)
    assert well.level == "ok"
    assert "InfluxDB 1." in well.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "127.0.0.1:8086", "file:///etc"])
def test_influxdb_that_is_not_there_is_a_problem(url, tmp_path):
    found = store(config.Store(kind="influx", url=url), tmp_path)
    assert found.level == "PROBLEM"
    assert "store.url" in found.text


def test_an_sqlite_store_is_counted_and_not_made(tmp_path):
    found = store(config.Store(), tmp_path / "data")
    assert (found.level, found.text) == ("ok", "sqlite, 0 records")
    assert not (tmp_path / "data").exists()

"""Servers for the measurements: influxd and mosquitto of our own, on free ports."""

import http.client
import json
import sys
import time
import urllib.parse
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

from benchmarks.gateway import process
from vitals import broker

INFLUXD_CONF = """reporting-disabled = true
bind-address = "127.0.0.1:{back}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
index-version = "tsi1"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
[monitor]
store-enabled = false
"""


class Influx:
    """An influxd by plain HTTP, one connection kept alive."""

    def __init__(self, port, pid):
        self.port, self.pid = port, pid
        self.url = f"http://127.0.0.1:{port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, method, path, body=None, **query):
        """Give status and body."""
        target = f"{path}?{urllib.parse.urlencode(query)}"
        self._connection.request(method, target, body)
        response = self._connection.getresponse()
        return response.status, response.read()

    def post(self, database, body):
        """Write a body that is ready."""
        status, answer = self.ask("POST", "/write", body, db=database, precision="ns")
        assert status == 204, answer

    def query(self, statement, database="", method="GET"):
        """Give the rows of one statement, as columns by name and tags."""
        _, answer = self.ask(method, "/query", db=database, q=statement, epoch="ns")
        (result,) = json.loads(answer)["results"]
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], row, strict=True))}
            for series in result.get("series", ())
            for row in series["values"]
        ]

    def create(self, database):
        """Make a database."""
        self.query(f'CREATE DATABASE "{database}"', method="POST")

    def taken(self, database):
        """Give how many points a database has taken, by the books of this influxd."""
        _, answer = self.ask("GET", "/debug/vars")
        books = json.loads(answer)
        shards = [books[name] for name in books if name.startswith("shard:")]
        own = [one for one in shards if one["tags"]["database"] == database]
        return sum(one["values"]["writePointsOk"] for one in own)

    def settle(self, database, points, records, since):
        """Wait until its books say so many points; then count the records since, ns.

        The books cost nothing.  To count all the while takes influxd longer than to
        store, and slows down who leaves it no rest.
        """
        end = time.monotonic() + 600
        while self.taken(database) < points:
            assert time.monotonic() < end, f"{self.taken(database)} of {points} points"
            time.sleep(0.05)
        while (stored := self.count(database, since=since)) < records:
            assert time.monotonic() < end, f"{stored} of {records} records"
            time.sleep(0.05)
        return stored

    def count(self, database, measurement="heart_rate", field="q", since=0):
        """Give the number of points; with `since`, ns, of those from then on."""
        select = f"SELECT count({field}) FROM {measurement} WHERE time >= {since}"
        return sum(row["count"] for row in self.query(select, database))


def influxd_command(folder, port):
    """Give the command of an influxd whose files lie in a folder."""
    program = which("influxd") or sys.exit("apt install influxdb")
    path = folder / "influxd.conf"
    if not path.exists():
        back = broker.free_port()
        path.write_text(INFLUXD_CONF.format(folder=folder, port=port, back=back))
    return program, "-config", str(path)


def mosquitto_command(folder, port):
    """Give the command of a mosquitto as we advise to run one."""
    program = broker.find_mosquitto() or sys.exit("apt install mosquitto")
    conf = folder / "mosquitto.conf"
    owner = f"user {folder.owner()}\n"
    conf.write_text(broker.CONF.format(port=port, data=folder) + owner)
    return program, "-c", str(conf)


def answering(port, pid):
    """Wait for an influxd; give how to talk to it."""
    for _ in range(400):
        with suppress(OSError, http.client.HTTPException):
            found = Influx(port, pid)
            found.ask("GET", "/ping")
            return found
        time.sleep(0.05)
    raise RuntimeError("influxd does not answer")


@contextmanager
def influxd(folder: Path):
    """Run an influxd for the time of a block."""
    port = broker.free_port()
    with process(folder, "influxd", *influxd_command(folder, port)) as child:
        yield answering(port, child.pid)


@contextmanager
def mosquitto(folder: Path):
    """Run a mosquitto for the time of a block; give its port."""
    port = broker.free_port()
    with process(folder, "mosquitto", *mosquitto_command(folder, port)):
        time.sleep(0.5)
        yield port

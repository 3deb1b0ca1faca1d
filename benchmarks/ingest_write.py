"""python -m benchmarks.ingest_write: decoded records into influxd 1.6.7.

Ours is `InfluxStore.write`.  It is held against what the database can take at all (the
same lines, made beforehand, posted by a plain client that keeps its connection) and
against influxdb-client's batching mode fed with `Point`.  Turn by turn in one run, each
turn with records of its own.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.write_api import WriteApi

from benchmarks import results, servers
from benchmarks.gateway import cpu_s
from ingest.lines import MILLISECOND, lines
from ingest.samples import intervals
from ingest.store import open_store
from vitals import HeartRate, Reading, config

NOON = 1_763_726_400_000  # 2025-11-21T12:00Z
BODY = 5000  # records in a prebuilt body
STRAPS = 100


def beats(count, first):
    """Give records of a hundred straps, as decoded; `first` sets a time."""
    return [
        Reading(f"p-{n % STRAPS}", f"strap-{n % STRAPS}", _beat(first + n))
        for n in range(count)
    ]


def instant(n):
    """Give the time of the n-th record, ms; a multiple of `STRAPS` begins a second."""
    return NOON + n // STRAPS * 1000 + n % STRAPS


def _beat(n):
    t, seq = instant(n), n // STRAPS + 1
    rr = (812.5, 790.25) if n % 4 == 0 else (805.0,)
    values = {"hr": 60.0 + n % 40, "rr": rr, "link": "bonded"}
    return HeartRate(t=t, received=t + 7, gateway="gw-1", seq=seq, **values)


class Prebuilt:
    """The lines are there already; a plain client posts them."""

    def __init__(self, influx):
        self._influx = influx
        influx.create("prebuilt")

    def prepare(self, readings):
        pieces = range(0, len(readings), BODY)
        return [
            "\n".join(map(lines, readings[at : at + BODY])).encode() for at in pieces
        ]

    def write(self, bodies):
        for body in bodies:
            self._influx.post("prebuilt", body)


class Ours:
    """The store as ingest uses it."""

    def __init__(self, influx, folder):
        settings = config.Store(kind="influx", url=influx.url, database="ours")
        self.store = open_store(settings, folder)
        influx.create("ours")

    def prepare(self, readings):
        return readings

    def write(self, readings):
        assert not self.store.write(readings).refused


class _Batching(WriteApi):
    """influxdb-client's batching mode, taken to a 1.x server."""

    def _post_write(self, _async_req, bucket, org, body, precision, **settings):
        return self._influxdb_client.api_client.call_api(
            "/write",
            "POST",
            query_params=[("db", bucket), ("precision", precision)],
            header_params={"Content-Type": "text/plain; charset=utf-8"},
            body=body,
            urlopen_kw=settings.get("urlopen_kw") or {},
        )


class Points:
    """influxdb-client as its documentation shows it."""

    def __init__(self, influx):
        self._url = influx.url
        influx.create("points")

    def prepare(self, readings):
        return readings

    def write(self, readings):
        with InfluxDBClient(self._url, "", org="-") as client:
            options = WriteOptions(batch_size=BODY, flush_interval=1000)
            with _Batching(client, options) as api:
                for reading in readings:
                    api.write("points", "-", points(reading))


def points(reading):
    """Give the points of one record, with the fields of ours."""
    record = reading.record
    whole = _tagged("heart_rate", reading, record.t * MILLISECOND + record.seq)
    for name in ("received", "gateway", "seq", "link", "hr"):
        whole.field(name, getattr(record, name))
    found = [whole.field("q", 0).field("ok", 1).field("rr", str(record.rr))]
    for place, (t, value) in enumerate(intervals(record.t, record.rr)):
        stamp = t * MILLISECOND + record.seq * 64 + place
        one = _tagged("rr_interval", reading, stamp)
        found.append(one.field("value", value).field("ok", 1))
    return found


def _tagged(name, reading, stamp):
    point = Point(name).tag("subject", reading.subject).tag("device", reading.device)
    return point.time(stamp, WritePrecision.NS)


def measure(rounds, count):
    with tempfile.TemporaryDirectory() as name, servers.influxd(Path(name)) as influx:
        sides = {"prebuilt": Prebuilt(influx), "ours": Ours(influx, Path(name))}
        sides["points"] = Points(influx)
        rates = {side: [] for side in sides}
        busy = {side: [] for side in sides}
        for turn in range(-1, rounds):  # the first warms up
            for side, writer in sides.items():
                part = count // 10 if side == "points" else count
                load = writer.prepare(beats(part, (turn + 1) * count))
                begun, used = time.perf_counter(), cpu_s(influx.pid)
                writer.write(load)
                took = time.perf_counter() - begun
                if turn >= 0:
                    rates[side].append(part / took)
                    busy[side].append((cpu_s(influx.pid) - used) / took)
        assert influx.count("ours") == influx.count("prebuilt")
    return _figures(rates, busy, rounds, count)


def _figures(rates, busy, rounds, count):
    middle = statistics.median
    against = {
        f"of_{side}": [a / b for a, b in zip(rates["ours"], rates[side], strict=True)]
        for side in ("prebuilt", "points")
    }
    return {
        "records": rounds * count,
        "records_per_s": {side: round(middle(found)) for side, found in rates.items()},
        "influxd_cpu": {side: round(middle(found), 2) for side, found in busy.items()},
        **{what: round(middle(found), 2) for what, found in against.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--records", type=int, default=30_000)
    chosen = parser.parse_args()
    figures = measure(chosen.rounds, chosen.records)
    results.save("ingest_write", figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

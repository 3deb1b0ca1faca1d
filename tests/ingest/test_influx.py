"""What only InfluxDB can do to us."""

import gzip
import tempfile
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ingest.influx import DELETES
from ingest.lines import lines
from ingest.store import open_store
from vitals import Metric, Unavailable, config
from vitals.model import MOST_INTERVALS

pytestmark = pytest.mark.slow


@pytest.fixture
def store(influxd, request, tmp_path):
    settings = config.Store(kind="influx", url=influxd.url, database=request.node.name)
    found = open_store(settings, tmp_path)
    yield found
    found.close()


def post(url, **query):
    body = query.pop("body", "").encode()
    address = f"{url}?{urllib.parse.urlencode(query)}"
    return urllib.request.urlopen(urllib.request.Request(address, body)).read()


def test_a_point_that_influxdb_refuses_takes_no_other_with_it(
    influxd, store, beat, request
):
    store.write([beat(1000)])  # makes the database
    # Somebody else's word: `energy` is a string, so our integer cannot be stored.
    line = f'heart_rate,subject=x,device=y energy="a lot" {beat(1).record.t}000000'
    post(f"{influxd.url}/write", db=request.node.name, body=line)
    readings = [
        beat(seq, energy=7 if seq in (3, 700) else None) for seq in range(1, 900)
    ]
    written = store.write(readings)
    assert [r.record.seq for r, _ in written.refused] == [3, 700]
    assert "field type conflict" in written.refused[0][1]
    assert written.new == 897
    stored = sorted(r.record.seq for r in store.export())
    assert stored == sorted({*range(1, 900), 1000} - {3, 700})


def test_rows_of_somebody_else_are_not_ours(influxd, store, beat, noon, request):
    store.write([beat(1)])
    stamp = f"{noon + 2000}000000"
    line = f"heart_rate,subject=p-1,device=strap-1 hr=99 {stamp}"
    post(f"{influxd.url}/write", db=request.node.name, body=line)
    assert [*store.export()] == store.latest("p-1") == [beat(1)]
    (point,) = store.trend("p-1", Metric.HEART_RATE, noon, noon + 9000, 1)
    assert (point.n, point.max, point.quality) == (1, 61.0, 1.0)
    assert store.count() == 1


def test_a_killed_influxd_has_everything_once(influxd, store, beat, noon):
    store.write([beat(seq) for seq in range(1, 2000)])
    influxd.stop(kill=True)
    with pytest.raises(Unavailable, match="InfluxDB at http://127"):
        store.write([beat(2000)])
    with pytest.raises(Unavailable):
        store.count()
    with pytest.raises(Unavailable):
        store.trend("p-1", Metric.HEART_RATE, noon, noon + 1000, 1)
    influxd.start()
    store.write([beat(seq) for seq in range(1, 2001)])
    assert store.count() == len(set(store.export())) == 2000


class Stub:
    """A server that answers every write with one status, and remembers it."""

    def __init__(self, status, body=b"", host="127.0.0.1"):
        self.calls = calls = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                length = int(self.headers["Content-Length"] or 0)
                content = self.rfile.read(length)
                calls.append((self.path, self.headers.get("Authorization"), content))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://{host}:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def write(stub, readings, **section):
    settings = config.Store(kind="influx", url=stub.url, **section)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(settings, Path(folder))
        try:
            return store.write(readings)
        finally:
            store.close()


def test_the_authorization_is_one_opaque_string(tmp_path, beat):
    secret = tmp_path / "authorization"
    secret.write_text("Bearer any-thing:at all\n")
    with Stub(204) as stub:
        write(stub, [beat(1)], authorization_file=str(secret))
    (call,) = stub.calls
    assert call[0] == "/write?db=vitals&precision=ns"
    assert call[1] == "Bearer any-thing:at all"
    assert call[2] == lines(beat(1)).encode()


def test_with_an_organisation_the_second_version_is_spoken(beat):
    with Stub(204) as stub:
        write(stub, [beat(1)], organisation="clinic", database="bucket")
    path, _, query = stub.calls[0][0].partition("?")
    assert path == "/api/v2/write"
    wanted = {"org": ["clinic"], "bucket": ["bucket"], "precision": ["ns"]}
    assert urllib.parse.parse_qs(query) == wanted


def test_off_this_machine_what_is_written_is_compressed(beat):
    readings = [beat(seq) for seq in range(1, 200)]
    with Stub(204, host="127.0.0.2") as stub:
        write(stub, readings)
    (call,) = stub.calls
    assert gzip.decompress(call[2]) == "\n".join(map(lines, readings)).encode()
    assert len(call[2]) < len(gzip.decompress(call[2])) / 4


def test_influxdb_takes_what_is_compressed(store, beat):
    store._write.gzip = True
    readings = [beat(seq) for seq in range(1, 200)]
    assert store.write(readings).new == len(readings)
    assert sorted(store.export(), key=lambda r: r.record.seq) == readings


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_server_that_cannot_now_is_unavailable(status, beat):
    stub = Stub(status, b'{"error": "not today"}')
    with stub, pytest.raises(Unavailable, match="not today") as caught:
        write(stub, [beat(1)])
    assert ("authorization_file" in str(caught.value)) == (status in (401, 403))


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_server_that_refuses_everything_ends_the_halving(status, beat):
    with Stub(status, b'{"error": "no"}') as stub:
        written = write(stub, [beat(seq) for seq in range(1, 65)])
    assert len(written.refused) == 64
    assert written.new == 0
    assert len(stub.calls) == 127
    assert written.refused[0][1] == f'InfluxDB {status}: {{"error": "no"}}'


def test_readings_of_one_millisecond_have_their_own_points(beat):
    t = beat(1).record.t
    for readings in (
        [beat(seq, t=t) for seq in range(10**9, 10**9 + 9000)],
        [beat(1, gateway=None, hr=60 + n / 10) for n in range(9)],
    ):
        points = {
            (line.split(" ")[0], line.rsplit(" ", 1)[1])
            for reading in readings
            for line in lines(reading).split("\n")
        }
        assert len(points) == 3 * len(readings)


def test_two_gateways_that_hear_one_device_have_their_own_points(beat):
    heard = [beat(7, t=1000, gateway=f"gw-{n}") for n in range(50)]
    points = {lines(r).split("\n")[0].rsplit(" ", 1)[1] for r in heard}
    assert len(points) == len(heard)


def points(store):
    """What is stored of each kind, hidden or not: whose, and the time in ns."""
    return {
        name: sorted(
            (row["subject"], row["device"], row["time"])
            for row in store._influx.rows(f'SELECT ok, subject, device FROM "{name}"')
        )
        for name in ("heart_rate", "rr_interval")
    }


@pytest.mark.parametrize("n", [1, 2, 150, MOST_INTERVALS])
def test_what_is_withdrawn_is_deleted_in_few_requests_and_its_neighbours_stay(
    store, beat, noon, n
):
    names = {"subject": "p" * 64, "device": "d" * 64}
    same = {"t": noon, "rr": (0.5,) * n}  # two of each record in a millisecond
    gone = beat(300, **names, **same)
    left = [
        *(beat(seq, **names, **same) for seq in (299, 301)),
        beat(300, gateway="gw-2", **names, **same),
        beat(300, subject=names["subject"], **same),
        beat(300, device=names["device"], **same),
    ]
    store.write(left)
    without = points(store)
    assert sum(map(len, without.values())) == len(left) * (1 + n)
    store.write([gone])
    assert points(store) != without  # control
    asked, call = [], store._influx.call
    store._influx.call = lambda method, **query: (
        asked.append((method, query["q"])) or call(method, **query)
    )
    store.withdraw([gone])
    del store._influx.call
    deletions = [q for method, q in asked if method == "POST"]
    assert len(deletions) == -(-(1 + n) // DELETES)
    assert max(len(urllib.parse.quote(q)) for q in deletions) < 8000
    assert points(store) == without
    assert sorted(store.export(), key=left.index) == left


def test_what_a_server_does_not_delete_is_hidden_and_said(influxd, store, beat, noon):
    store.write([beat(seq, subject=s) for seq in range(1, 9) for s in ("p-1", "p-2")])
    for _ in range(3):
        store.tend(4_000_000_000_000)
    store._delete = lambda *_: None  # as 3.x, which has no such statement
    said = store.erase("p-1")
    assert "deletes nothing: it is hidden" in said
    assert said.endswith("subject=p-1")
    assert [r.subject for r in store.export()] == ["p-2"] * 8
    assert store.latest("p-1") == []
    span = noon, noon + 3_600_000, 60
    assert store.trend("p-1", Metric.HEART_RATE, *span) == []
    assert store.trend("p-1", Metric.RR_INTERVAL, *span) == []
    assert sum(p.n for p in store.trend("p-2", Metric.HEART_RATE, *span)) == 8
    assert store.erase("p-1") == ""  # nothing is left to hide

"""Readings to store, and a real influxd to store them in."""

import socket
import ssl
import subprocess
import time
import urllib.request
from math import sin
from pathlib import Path
from shutil import which

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from vitals import (
    Battery,
    BloodPressure,
    BodyTemperature,
    Flag,
    Glucose,
    HeartRate,
    OxygenSaturation,
    Reading,
)

NOON = 1_763_726_400_000  # 2025-11-21T12:00Z


def beat(seq=1, t=None, subject="p-1", device="strap-1", gateway="gw-1", **values):
    """One heart-rate reading, one a second."""
    t = NOON + seq * 1000 if t is None else t
    values = {"hr": 60.0 + seq % 40, "rr": (812.5, 790.25), "received": t, **values}
    record = HeartRate(t=t, gateway=gateway, seq=seq, **values)
    return Reading(subject, device, record)


@pytest.fixture(name="beat", scope="session")
def _beat():
    return beat


@pytest.fixture(scope="session")
def noon():
    return NOON


def heart(start, minutes, subject="p-1", device="strap-1"):
    """A heart's records for some minutes, of three intervals each; some premature."""
    found, t, beats = [], float(start), []
    for k in range(minutes * 90):
        rr = 800 + 20 * sin(k / 4) + 40 * sin(k / 50)
        rr *= {7: 0.6, 8: 1.4}.get(k % 40, 1.0)
        t, beats = t + rr, [*beats, round(rr * 1.024) / 1.024]
        if t > start + minutes * 60_000:
            break
        if len(beats) == 3:
            record = HeartRate(
                t=int(t),
                gateway="gw-1",
                seq=k // 3 + start % 10**9,
                hr=75,
                rr=(*beats,),
            )
            found.append(Reading(subject, device, record))
            beats = []
    return found


@pytest.fixture(name="heart", scope="session")
def _heart():
    return heart


def settle(store, now=4_000_000_000_000):
    """Let a store do all that can wait, at a time when every hour is over."""
    for _ in range(2):  # what was just written to waits for the second
        while store.tend(now):
            pass


@pytest.fixture(name="settle", scope="session")
def _settle():
    return settle


names = st.sampled_from(["p-1", "p-2", "a_b-3"])
flags = st.lists(st.sampled_from([*map(str, Flag), "from elsewhere"]), max_size=2)
numbers = st.one_of(
    st.none(),
    st.floats(30, 200).map(lambda x: round(x, 2)),
    st.sampled_from([0.0, 1e300, -5.0]),
)
intervals = st.lists(
    st.floats(200, 2500).map(lambda x: round(x * 1024) / 1024), max_size=4
).map(tuple)
texts = st.text(max_size=8)


@st.composite
def readings(draw, width=7_200_000):
    """Any reading of an hour or two."""
    common = {
        "t": NOON + draw(st.integers(0, width)),
        "q": tuple(draw(flags)),
        "received": draw(st.none() | st.integers(NOON, NOON + width)),
        "link": draw(st.sampled_from([None, "bonded", "open"])),
        "device_t": draw(st.none() | st.integers(0, NOON)),
    }
    if draw(st.booleans()):
        common |= {"gateway": "gw-1", "seq": 1}
    number = lambda: draw(numbers)  # noqa: E731
    record = draw(
        st.sampled_from(
            [
                lambda: HeartRate(hr=number(), rr=draw(intervals), energy=7, **common),
                lambda: BloodPressure(
                    sys=number(), dia=number(), map=number(), pulse=number(), **common
                ),
                lambda: BodyTemperature(temp=number(), site=draw(texts), **common),
                lambda: OxygenSaturation(spo2=number(), pulse=number(), **common),
                lambda: Glucose(glucose=number(), **common),
                lambda: Battery(level=number(), **common),
            ]
        )
    )()
    return Reading(draw(names), draw(st.sampled_from(["d-1", "d-2"])), record)


@pytest.fixture(scope="session")
def any_readings():
    """Lists of readings, with repeats; no two have one gateway and seq."""

    def numbered(found):
        return [
            Reading(r.subject, r.device, replace(r.record, seq=place))
            if r.record.gateway
            else r
            for place, r in enumerate(found, 1)
        ]

    once = st.lists(readings(), min_size=1, max_size=25).map(numbered)
    return once.flatmap(
        lambda found: st.lists(st.sampled_from(found), max_size=8).map(
            lambda again: found + again
        )
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Influxd:
    """A real influxd of our own; with a certificate and its key it speaks TLS."""

    def __init__(self, folder: Path, *pair: str) -> None:
        self.folder, self.port, self.back = folder, free_port(), free_port()
        self.url = f"http{'s' if pair else ''}://127.0.0.1:{self.port}"
        self.process = None
        names = "https-certificate", "https-private-key"
        secure = [f'{name} = "{path}"' for name, path in zip(names, pair, strict=False)]
        secure += ["https-enabled = true"] if pair else []
        lines = "\n".join(secure)
        (folder / "influxd.conf").write_text(f"""
reporting-disabled = true
bind-address = "127.0.0.1:{self.back}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
index-version = "tsi1"
query-log-enabled = false
[coordinator]
write-timeout = "60s"
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
{lines}
[monitor]
store-enabled = false
""")

    def start(self) -> None:
        log = (self.folder / "influxd.log").open("ab")
        command = ["influxd", "-config", str(self.folder / "influxd.conf")]
        with log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        anybody = ssl._create_unverified_context()
        for _ in range(200):
            try:
                urllib.request.urlopen(
                    f"{self.url}/ping", timeout=1, context=anybody
                ).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("influxd does not answer")

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(20)
        self.process = None


@pytest.fixture(scope="session")
def influxd(tmp_path_factory):
    """A running influxd; skipped where Debian's package influxdb is not installed."""
    if which("influxd") is None:
        pytest.skip("influxd is not installed (Debian package influxdb)")
    server = Influxd(tmp_path_factory.mktemp("influxd"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def victoria(tmp_path_factory):
    """A running VictoriaMetrics: it takes InfluxDB's writes and none of its queries."""
    if which("victoria-metrics") is None:
        pytest.skip("victoria-metrics is not installed (Debian's package of that name)")
    folder, port = tmp_path_factory.mktemp("victoria"), free_port()
    command = ["victoria-metrics", f"-storageDataPath={folder}/data"]
    command += [f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/health", timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(20)

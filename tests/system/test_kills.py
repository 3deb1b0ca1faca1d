"""SIGKILL of each stage in turn loses nothing and doubles nothing.

What the wearables handed to the radio stands in the simulation's ledger; what arrived
stands in InfluxDB, read with its own HTTP API.
"""

import itertools
import json
import random
import time
from collections import Counter

import pytest

from vitals import broker
from vitals.gatt import blood_pressure, heart_rate

pytestmark = pytest.mark.slow

STAGES = ("ingest", "dsp", "alerts", "portal", "gateway")

CONFIG = """
data = "{data}"
[mqtt]
port = {mqtt}
[store]
kind = "influx"
url = "{influx}"
[portal]
port = {portal}
[gateway]
name = "gw-1"
adapter = "tcp-client:127.0.0.1:{radio}"
[sim]
port = {radio}
ledger = "{ledger}"
"""
WEARABLE = """
[[gateway.wearables]]
device = "{device}"
subject = "p-{n}"
address = "C0:00:00:00:00:{n:02d}"
[[sim.people]]
name = "p-{n}"
[[sim.wearables]]
kind = "{kind}"
address = "C0:00:00:00:00:{n:02d}"
person = "p-{n}"
name = "{device}"
every_s = {every}
"""
WORN = [("strap", 1), ("strap", 1), ("strap", 1), ("cuff", 3), ("thermometer", 2)]


@pytest.fixture
def house(tmp_path, mosquitto, influxd, vitals, processes):
    """The whole house, each stage a process; gives how to start one again."""
    ledger = tmp_path / "ledger.jsonl"
    text = CONFIG.format(
        data=tmp_path / "data",
        mqtt=mosquitto,
        influx=influxd.url,
        portal=broker.free_port(),
        radio=broker.free_port(),
        ledger=ledger,
    )
    for n, (kind, every) in enumerate(WORN, 1):
        text += WEARABLE.format(n=n, kind=kind, every=every, device=f"{kind}-{n}")
    config = tmp_path / "vitals.toml"
    config.write_text(text)

    def start(stage):
        vitals(stage, "run", stage, "--config", str(config))

    for stage in ("sim", *STAGES):
        start(stage)
    return start


def rows(influx, kind, field):
    """Give (device, seq, value) of every stored record of a kind."""
    found = []
    for series in influx.query(f'SELECT seq, "{field}" FROM {kind} GROUP BY device'):
        device = series["tags"]["device"]
        found += [(device, seq, value) for _, seq, value in series["values"]]
    return found


def sent(path, characteristic):
    """Give the values that each wearable handed to the radio, oldest first."""
    values = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if entry["characteristic"] == characteristic:
            values.setdefault(entry["device"], []).append(bytes.fromhex(entry["value"]))
    return values


def stored_values(influx, kind, field):
    """Give a field's values by device in the order of `seq`, checked for doubles."""
    by_device = {}
    for device, seq, value in sorted(rows(influx, kind, field)):
        by_device.setdefault(device, []).append((seq, value))
    for device, pairs in by_device.items():
        doubled = [s for s, n in Counter(seq for seq, _ in pairs).items() if n > 1]
        assert not doubled, f"{device}: doubled {doubled}"
    return {d: [value for _, value in pairs] for d, pairs in by_device.items()}


def numbers_without_gaps(influx):
    """Give how many records there are; per device their numbers are 1 to n."""
    total = 0
    per_device = {}
    kinds = {"heart_rate": "rr", "blood_pressure": "sys"}
    kinds |= {"body_temperature": "temp", "battery": "level"}
    for kind, field in kinds.items():
        for device, seq, _ in rows(influx, kind, field):
            per_device.setdefault(device, []).append(seq)
    for device, seqs in per_device.items():
        assert sorted(seqs) == list(range(1, len(seqs) + 1)), device
        total += len(seqs)
    return total


def survive(house, processes, influxd, wait_for, kills, seed):
    rng = random.Random(seed)
    wait_for(lambda: rows(influxd, "heart_rate", "hr"), 30, "the first row")
    for stage, _ in zip(itertools.cycle(STAGES), range(kills), strict=False):
        time.sleep(rng.uniform(0.3, 1.0))
        processes.kill(stage)
        time.sleep(rng.uniform(0, 0.3))
        house(stage)
    time.sleep(6)  # everybody is up again
    processes.kill("sim", 15)


def settle(influxd, wait_for, tmp_path):
    """Wait until nothing more arrives."""
    last = [-1, time.monotonic()]

    def still():
        count = numbers_without_gaps_or_none(influxd)
        if count != last[0]:
            last[:] = [count, time.monotonic()]
        return count is not None and time.monotonic() - last[1] > 4

    wait_for(still, 60, "the last record")


def numbers_without_gaps_or_none(influxd):
    try:
        return numbers_without_gaps(influxd)
    except AssertionError:
        return None


@pytest.fixture
def patiently():
    def wait_for(true, seconds, what):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := true():
                return found
            time.sleep(0.2)
        pytest.fail(f"{what} did not happen within {seconds} s")

    return wait_for


def test_twenty_kills_lose_nothing_and_double_nothing(
    house, processes, influxd, patiently, tmp_path
):
    survive(house, processes, influxd, patiently, kills=20, seed=1)
    settle(influxd, patiently, tmp_path)
    total = numbers_without_gaps(influxd)
    ledger = tmp_path / "ledger.jsonl"

    measured = sent(ledger, "2a37")
    expected = {
        device: [
            list(heart_rate.HeartRateMeasurement.parse(v).rr_intervals) for v in vs
        ]
        for device, vs in measured.items()
    }
    arrived = {
        device: [
            [round(float(i) * 1.024) for i in (rr or "").split(",") if i] for rr in rrs
        ]
        for device, rrs in stored_values(influxd, "heart_rate", "rr").items()
    }
    missing = {d: missed(expected[d], arrived[d]) for d in expected}
    cuffs = sent(ledger, "2a35")
    pressures = {
        device: [blood_pressure.BloodPressureMeasurement.parse(v).systolic for v in vs]
        for device, vs in cuffs.items()
    }
    readings = stored_values(influxd, "blood_pressure", "sys")
    print(f"{total} records stored; of the straps {missing} missing")

    # A cuff's reading is confirmed only once it is on the gateway's disk: none is lost.
    assert {d: missed(pressures[d], readings[d]) for d in pressures} == {
        d: [] for d in pressures
    }
    # Of a notification nothing can be asked back: one may die with the gateway's
    # process between the radio and the disk (milliseconds), no other ever.
    assert sum(map(len, missing.values())) <= 1


def missed(wanted, have):
    """Give what is in `wanted` and not, in its order, in `have`."""
    gone, at = [], 0
    for value in wanted:
        if value in have[at:]:
            at = have.index(value, at) + 1
        else:
            gone.append(value)
    return gone

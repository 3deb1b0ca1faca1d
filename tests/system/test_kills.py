"""SIGKILL of each stage in turn loses nothing and doubles nothing.

What the wearables handed to the radio stands in the simulation's ledger; what arrived
stands in InfluxDB, read with its own HTTP API.
"""

import itertools
import json
import random
import signal
import subprocess
import time
from collections import Counter

import pytest

from vitals import broker
from vitals.clock import now
from vitals.gatt import blood_pressure, heart_rate

pytestmark = pytest.mark.slow

STAGES = ("ingest", "dsp", "alerts", "portal", "gateway", "sim")

KILLS = 20
LAG_MS = 4000  # that a gateway may have stood still when it is killed

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
group_ms = 0  # what may be lost below is between radio and disk, not while grouping
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
STRAPS = 6
WORN = [("strap", 1)] * STRAPS + [("cuff", 3), ("cuff", 5), ("thermometer", 2)]


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

    for stage in reversed(STAGES):
        start(stage)
    return start


def rows(influx, kind, field):
    """Give (device, seq, value) of every stored record of a kind."""
    found = []
    for series in influx.query(f'SELECT seq, "{field}" FROM {kind} GROUP BY device'):
        device = series["tags"]["device"]
        found += [(device, seq, value) for _, seq, value in series["values"]]
    return found


def sent(path, characteristic, maybe=frozenset()):
    """Give when each wearable handed which values to the radio, oldest first.

    A line is written before its value is sent: the last line of a simulation that was
    killed (its number is in `maybe`) may tell of a value that never left.
    """
    values = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        entry = json.loads(line)
        if entry["characteristic"] == characteristic:
            raw = bytes.fromhex(entry["value"])
            said = entry["t"], raw, number in maybe
            values.setdefault(entry["device"], []).append(said)
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


def survive(house, processes, wait_for, ledger, kills):
    """Kill stages in turn; give the ledger's lines that may never have left.

    And when the gateway was killed, ms.
    """
    rng, maybe, deaths = random.Random(1), set(), []
    for stage, _ in zip(itertools.cycle(STAGES), range(kills), strict=False):
        time.sleep(rng.uniform(0.3, 1.0))
        if stage == "gateway":
            deaths.append(now())
        processes.kill(stage)
        if stage == "sim":
            maybe.add(len(ledger.read_text().splitlines()))
        time.sleep(rng.uniform(0, 0.3))
        house(stage)
    time.sleep(6)  # everybody is up again
    processes.kill("sim", signal.SIGTERM)
    return maybe, deaths


def settle(influxd, wait_for, whole):
    """Wait until nothing more arrives, for longer if something is still missing."""
    last = [-1, time.monotonic()]

    def still():
        count = numbers_without_gaps_or_none(influxd)
        if count != last[0]:
            last[:] = [count, time.monotonic()]
        quiet_s = time.monotonic() - last[1]
        return count is not None and (quiet_s > 60 or (quiet_s > 4 and whole()))

    wait_for(still, 240, "the last record")


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
    house, processes, influxd, patiently, tmp_path, record_property
):
    ledger = tmp_path / "ledger.jsonl"
    patiently(lambda: rows(influxd, "heart_rate", "hr"), 120, "the first row")
    maybe, deaths = survive(house, processes, patiently, ledger, KILLS)

    def lost():
        beats = beats_of(stored_values(influxd, "heart_rate", "rr"))
        gone = missing(sent(ledger, "2a37", maybe), beats, intervals)
        pressures = stored_values(influxd, "blood_pressure", "sys")
        return gone, missing(sent(ledger, "2a35", maybe), pressures, systolic)

    def whole():
        gone, never = lost()
        return not never and all(died_with(t, deaths) for t, _ in gone)

    settle(influxd, patiently, whole)
    total = numbers_without_gaps(influxd)
    gone, never = lost()

    record_property("kills", KILLS)
    record_property("records", total)
    record_property("lost", len(gone) + len(never))
    record_property("doubled", 0)  # stored_values and numbers_without_gaps have checked
    print(influx_says(influxd, "SELECT count(seq) FROM heart_rate, blood_pressure"))

    # Every stage came back and worked on, each time.
    failed = [stage for stage in STAGES if "starting it again" in processes.log(stage)]
    assert not failed, processes.log(failed[0])[-3000:]
    # A cuff's reading is confirmed only once it is on the gateway's disk: none is lost.
    assert never == []
    # Of a notification nothing can be asked back: one may die with the gateway's
    # process between the radio and the disk (milliseconds, if it did not stand still
    # just then: scenarios/test_kept.py holds it to that), no other ever.
    assert all(died_with(t, deaths) for t, _ in gone), (gone, deaths)
    died = Counter(died_with(t, deaths) for t, _ in gone)
    assert sorted(died[t] for t in deaths)[len(deaths) // 2] <= STRAPS, died


def died_with(t, deaths):
    """Give when the gateway was killed that a value of this time was on its way to."""
    return next((death for death in deaths if death - LAG_MS < t < death + 1000), None)


def test_missing_notices_a_loss():
    there = {
        "strap-1": [(1, b"\x10\x48\x01\x00", False), (2, b"\x10\x48\x02\x00", False)]
    }
    assert missing(there, {"strap-1": [[1], [2]]}, intervals) == []
    assert missing(there, {"strap-1": [[2]]}, intervals) == [(1, [1])]


def test_what_is_lost_long_before_or_after_a_kill_did_not_die_with_the_gateway():
    deaths = [50_000, 90_000]
    assert [died_with(t, deaths) for t in (49_000, 90_500)] == deaths
    assert [died_with(t, deaths) for t in (45_000, 52_000)] == [None, None]


def influx_says(influxd, query):
    """Ask InfluxDB's own command-line client."""
    port = influxd.url.rpartition(":")[2]
    command = ["influx", "-port", port, "-database", "vitals", "-execute", query]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stdout


def beats_of(stored):
    """Give the intervals of every stored record, as their wearable said them."""
    return {
        device: [
            [round(float(i) * 1.024) for i in (rr or "").split(",") if i] for rr in rrs
        ]
        for device, rrs in stored.items()
    }


def intervals(raw):
    return list(heart_rate.HeartRateMeasurement.parse(raw).rr_intervals)


def systolic(raw):
    return blood_pressure.BloodPressureMeasurement.parse(raw).systolic


def missing(handed, stored, read):
    """Give when what was surely handed to the radio and is not, in order, stored."""
    gone = []
    for device, values in handed.items():
        at, have = 0, stored.get(device, [])
        for t, raw, unsure in values:
            if (value := read(raw)) in have[at:]:
                at = have.index(value, at) + 1
            elif not unsure:
                gone.append((t, value))
    return gone

"""python -m benchmarks.dsp_stage: 10,000 patients through `vitals run dsp`, over MQTT.

A strap each, whose notification with an RR interval is one message at QoS 1.  First as
many as come, for what the stage can take; then at the patients' own pace, one a second
each.  Among them a cuff tells of a crisis now and then: from that message's sending to
its anomaly's arrival is the stage's latency, end to end.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import results, servers
from benchmarks.flood import Flood, packets
from benchmarks.gateway import cpu_s, process, rss_mb
from vitals import BloodPressure, HeartRate, Reading, wire
from vitals.clock import now

EVERY = 1000  # records between two crises


def beat(n, t):
    record = HeartRate(t=t, received=t, hr=60.0 + n % 40, rr=(800.0 + n % 7,))
    return wire.pack(Reading(f"p-{n}", "strap", record))


def crisis(n, t):
    record = BloodPressure(t=t, received=t, sys=205.0, dia=125.0)
    return wire.pack(Reading(f"c-{n}", "cuff", record))


class Ear:
    """Hears the anomalies of crises: when each came, by subject."""

    def __init__(self, port):
        self.heard = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._note
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(wire.ANOMALIES, qos=1)
        self._client.loop_start()

    def _note(self, _client, _data, message):
        subject = wire.levels(message.topic)[1]
        if subject.startswith("c-"):
            self.heard.setdefault(subject, time.perf_counter())

    def wait(self, subject, seconds):
        end = time.monotonic() + seconds
        while subject not in self.heard:
            assert time.monotonic() < end, f"nothing of {subject}"
            time.sleep(0.005)
        return self.heard[subject]

    def close(self):
        self._client.loop_stop()


class Stage:
    """The stage under load, and who loads it."""

    def __init__(self, port, pid, patients):
        self.flood, self.ear = Flood(port), Ear(port)
        self.pid, self.patients = pid, patients
        self._crises = 0

    def warm(self):
        """Wait for the compiler; let every patient be known."""
        while True:
            self._crises += 1
            self.flood.send(packets([crisis(self._crises, now())]))
            try:
                self.ear.wait(f"c-{self._crises}", 5)
                break
            except AssertionError:
                continue
        self.flood.send(packets([beat(n, now()) for n in range(self.patients)]))
        self._crises += 1
        self.flood.send(packets([crisis(self._crises, now())]))
        self.ear.wait(f"c-{self._crises}", 120)

    def burst(self, records):
        """Send as fast as possible; give what the stage took a second, and its CPU."""
        t = now()
        ready = packets(
            [beat(n % self.patients, t + n // self.patients) for n in range(records)]
        )
        self._crises += 1
        begun, used = time.perf_counter(), cpu_s(self.pid)
        self.flood.send([*ready, *packets([crisis(self._crises, t)])])
        took = self.ear.wait(f"c-{self._crises}", 600) - begun
        cpu = cpu_s(self.pid) - used
        return {
            "records_per_s": round(records / took),
            "cpu_of_a_core": round(cpu / took, 2),
            "us_per_record": round(cpu / records * 1e6, 1),
        }

    def pace(self, seconds):
        """Send each patient's record each second; give latencies and CPU."""
        sent, used = {}, cpu_s(self.pid)
        begun = time.perf_counter()
        for step in range(seconds * self.patients // EVERY):
            first = step * EVERY % self.patients
            t = now()
            messages = [beat(first + k, t) for k in range(EVERY)]
            self._crises += 1
            due = begun + step * EVERY / self.patients
            time.sleep(max(0.0, due - time.perf_counter()))
            self.flood.send(packets(messages), per_s=1.2 * self.patients)
            sent[f"c-{self._crises}"] = time.perf_counter()
            self.flood.send(packets([crisis(self._crises, t)]))
        took = time.perf_counter() - begun
        cpu = cpu_s(self.pid) - used
        waits = sorted((self.ear.wait(c, 60) - s) * 1000 for c, s in sent.items())
        return {
            "offered_per_s": round(seconds * self.patients / took),
            "cpu_of_a_core": round(cpu / took, 2),
            "p50_ms": round(statistics.median(waits), 1),
            "p99_ms": round(waits[int(0.99 * len(waits))], 1),
        }


def measure(patients, records, seconds, folder):
    with servers.mosquitto(folder) as port:
        config = folder / "vitals.toml"
        config.write_text(f'data = "{folder}/data"\n[mqtt]\nport = {port}\n')
        command = sys.executable, "-m", "vitals", "run", "dsp", "--config", str(config)
        with process(folder, "dsp", *command) as child:
            stage = Stage(port, child.pid, patients)
            stage.warm()
            figures = {
                "patients": patients,
                "burst": stage.burst(records),
                "pace": stage.pace(seconds),
                "rss_mb": rss_mb(child.pid),
            }
            stage.ear.close()
            return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--seconds", type=int, default=30)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        sizes = chosen.patients, chosen.records, chosen.seconds
        figures = measure(*sizes, Path(name))
    results.save("dsp_stage", figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

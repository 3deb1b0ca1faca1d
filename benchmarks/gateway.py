"""python -m benchmarks.gateway: one gateway process, its radio in another.

20 straps at 1 Hz for a minute, 100 for ten, mosquitto, SQLite: what is lost, how long
from notification to MQTT publish, what CPU time and memory the gateway's process takes,
and how flat its memory is.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from benchmarks import results
from vitals import broker

TICKS = os.sysconf("SC_CLK_TCK")
SECONDS = {20: 60, 100: 600}  # by how many wearables there are
SAMPLES = 10  # of memory; in ten minutes one a minute


def configuration(folder, count, mqtt, radio):
    head = f'data = "{folder}"\n[mqtt]\nport = {mqtt}\n[gateway]\nname = "gw-1"\n'
    head += f'adapter = "tcp-client:127.0.0.1:{radio}"\n[sim]\nport = {radio}\n'
    parts = [head]
    for n in range(1, count + 1):
        address = f'address = "C0:00:00:00:{n >> 8:02X}:{n & 255:02X}"'
        parts += [
            f'[[gateway.wearables]]\ndevice = "s-{n}"\nsubject = "p-{n}"\n{address}\n',
            f'[[sim.people]]\nname = "p-{n}"\n',
            f'[[sim.wearables]]\nkind = "strap"\nperson = "p-{n}"\n{address}\n',
        ]
    path = folder / "vitals.toml"
    path.write_text("".join(parts))
    return path


@contextmanager
def process(folder, name, *command):
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(20)


def stage(folder, name, config):
    command = [sys.executable, "-m", "vitals", "run", name, "--config", str(config)]
    return process(folder, name, *command, "--metrics", str(folder / f"{name}.prom"))


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024 / 1e6


def metric(folder, name, what):
    """Read a figure from a stage's Prometheus text."""
    path = folder / f"{name}.prom"
    text = path.read_text() if path.exists() else ""
    found = re.search(rf"^vitals_{re.escape(what)} (\S+)$", text, re.M)
    return float(found[1]) if found else 0.0


def watch(pids, seconds):
    """Measure processes for a while: the first one's memory at ten moments, CPU of all.

    pids
        By name, the gateway's first.
    """
    gateway, *others = pids
    before, start = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
    samples = []
    for n in range(1, SAMPLES + 1):
        time.sleep(max(0, start + n * seconds / SAMPLES - time.monotonic()))
        samples.append(round(rss_mb(pids[gateway]), 1))
    passed = time.monotonic() - start
    used = {n: round((cpu_s(p) - before[n]) / passed * 100, 1) for n, p in pids.items()}
    return {
        "seconds": round(passed),
        "rss_mb": max(samples),
        "rss_samples_mb": samples,
        "rss_drift_percent": drift(samples),
        "cpu_percent": used[gateway],
        **{f"cpu_percent_{name}": used[name] for name in others},
    }


def drift(samples):
    """Give how far memory ever is from where it was at the first sample, %."""
    return round(max(abs(one / samples[0] - 1) for one in samples) * 100, 1)


def wait_until(true, seconds):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.5)


def measure(count, seconds):
    with tempfile.TemporaryDirectory() as name:
        folder, mqtt, radio = Path(name), broker.free_port(), broker.free_port()
        conf = folder / "mosquitto.conf"
        owner = f"user {folder.owner()}\n"
        conf.write_text(broker.CONF.format(port=mqtt, data=folder) + owner)
        config = configuration(folder, count, mqtt, radio)
        program = broker.find_mosquitto() or sys.exit("apt install mosquitto")
        with (
            process(folder, "mosquitto", program, "-c", str(conf)),
            stage(folder, "ingest", config),
        ):
            with stage(folder, "gateway", config) as child:
                with stage(folder, "sim", config):
                    wait_until(lambda: connections(folder) >= count, 60)
                    time.sleep(10)
                    figures = watch({"gateway": child.pid}, seconds)
                time.sleep(12)  # what was said last is committed, and told
            figures |= latencies(folder)
            figures |= ledger(folder)
    return {"wearables": count, **figures}


def connections(folder):
    return metric(folder, "gateway", "gateway_connections_total")


def latencies(folder):
    name = 'gateway_publish_seconds{quantile="%s"}'
    p50, p99 = (metric(folder, "gateway", name % q) for q in ("0.5", "0.99"))
    return {
        "publish_p50_ms": round(p50 * 1000, 1),
        "publish_p99_ms": round(p99 * 1000, 1),
    }


def ledger(folder):
    """Compare what the radio was given with what the gateway recorded and committed."""
    sent = metric(folder, "sim", "sim_sent_total")
    recorded = metric(folder, "gateway", "gateway_records_total")
    committed = metric(folder, "gateway", "gateway_committed_total")
    return {
        "sent": int(sent),
        "lost_before_disk": int(sent - recorded),
        "recorded": int(recorded),
        "waiting": int(recorded - committed),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--wearables", type=int, nargs="*", default=[20, 100])
    chosen = parser.parse_args()
    figures = [
        measure(count, chosen.seconds or SECONDS.get(count, 60))
        for count in chosen.wearables
    ]
    results.save("gateway", {str(f["wearables"]): f for f in figures})
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

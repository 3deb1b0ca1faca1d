"""python -m benchmarks.gateway: one gateway process, its radio in another.

20 and 100 straps at 1 Hz, mosquitto, SQLite: what is lost, how long from notification
to MQTT publish, what CPU time and memory the gateway's process takes.
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
                    before, start = cpu_s(child.pid), time.monotonic()
                    time.sleep(seconds)
                    used = (cpu_s(child.pid) - before) / (time.monotonic() - start)
                    figures = {"rss_mb": round(rss_mb(child.pid), 1)}
                    figures["cpu_percent"] = round(used * 100, 1)
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
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--wearables", type=int, nargs="*", default=[20, 100])
    chosen = parser.parse_args()
    figures = [measure(count, chosen.seconds) for count in chosen.wearables]
    results.save("gateway", {str(f["wearables"]): f for f in figures})
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

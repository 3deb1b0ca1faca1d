"""python -m benchmarks.gateway_bluez: as benchmarks.gateway, but through BlueZ's D-Bus.

The gateway speaks bleak's own BlueZ backend, as on a Raspberry Pi, to
`firmware_sim.bluez` on a private dbus-daemon.  Its process holds no Bluetooth host
stack: that is BlueZ's.  Beside it the memory of TheengsGateway, only imported.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import gateway, results, theengs
from benchmarks.gateway import process, stage, wait_until
from vitals import broker

BUS = """<busconfig><type>session</type><listen>{address}</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*"/>
<allow receive_sender="*"/><allow own="*"/></policy></busconfig>"""


@contextmanager
def dbus(folder):
    program = shutil.which("dbus-daemon") or sys.exit("apt install dbus")
    address, conf = f"unix:path={folder}/bus", folder / "dbus.conf"
    conf.write_text(BUS.format(address=address))
    options = "--nofork", "--nopidfile", f"--config-file={conf}"
    with process(folder, "dbus", program, *options) as child:
        wait_until((folder / "bus").exists, 5)
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
        yield address, child


@contextmanager
def radio(folder, config, port, address):
    """The wearables and BlueZ, each a process; the wearables end first."""
    command = sys.executable, "-m", "firmware_sim.bluez", address
    with ExitStack() as stack:
        later = stack.enter_context(ExitStack())
        stack.enter_context(stage(folder, "sim", config))
        wait_until(lambda: f":{port}" in (folder / "sim.log").read_text(), 10)
        adapter = f"tcp-client:127.0.0.1:{port}"
        yield later.enter_context(process(folder, "bluez", *command, adapter))


def configuration(folder, count, mqtt, port):
    path = gateway.configuration(folder, count, mqtt, port)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(x for x in lines if not x.startswith("adapter")))
    return path


def measure(count, seconds):
    with tempfile.TemporaryDirectory() as name:
        folder, mqtt, port = Path(name), broker.free_port(), broker.free_port()
        conf = folder / "mosquitto.conf"
        owner = f"user {folder.owner()}\n"
        conf.write_text(broker.CONF.format(port=mqtt, data=folder) + owner)
        config = configuration(folder, count, mqtt, port)
        program = broker.find_mosquitto() or sys.exit("apt install mosquitto")
        with (
            process(folder, "mosquitto", program, "-c", str(conf)),
            stage(folder, "ingest", config),
            dbus(folder) as (address, daemon),
            stage(folder, "gateway", config) as child,
        ):
            with radio(folder, config, port, address) as bluez:
                wait_until(lambda: gateway.connections(folder) >= count, 90)
                time.sleep(10)
                pids = {"gateway": child.pid, "bluez": bluez.pid, "dbus": daemon.pid}
                figures = gateway.watch(pids, seconds)
            time.sleep(12)  # what was said last is committed, and told
            figures |= gateway.latencies(folder) | gateway.ledger(folder)
    return {"wearables": count, **figures}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--wearables", type=int, nargs="*", default=[20])
    chosen = parser.parse_args()
    rival = theengs.import_rss()
    figures = [measure(count, chosen.seconds) | rival for count in chosen.wearables]
    results.save("gateway_bluez", {str(f["wearables"]): f for f in figures})
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

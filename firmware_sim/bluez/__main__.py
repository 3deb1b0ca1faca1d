"""python -m firmware_sim.bluez BUS ADAPTER: be BlueZ until the bus goes away."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress

from firmware_sim.bluez.service import serve
from vitals import Unavailable


def ready() -> None:
    """Tell whoever started us that clients may come."""
    print("ready", flush=True)


async def until_told(work: Coroutine[None, None, None]) -> None:
    """Work until SIGTERM says to go, and go tidily."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Serve until the bus goes away; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware_sim.bluez",
        description="Be org.bluez on a private D-Bus, in front of a Bluetooth adapter"
        " that speaks HCI, such as the simulation's radio.  For tests and trials.",
    )
    parser.add_argument("bus", help="of the D-Bus, such as unix:path=PATH")
    parser.add_argument("adapter", help="as Bumble names it: tcp-client:127.0.0.1:6402")
    chosen = parser.parse_args()
    try:
        asyncio.run(until_told(serve(chosen.bus, chosen.adapter, ready)))
    except Unavailable as error:
        print(f"firmware_sim.bluez: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Telling systemd how we are: sd_notify(3), in a few lines.

`READY=1` once every stage has begun, `WATCHDOG=1` as long as the event loop turns and
every stage lives, `STOPPING=1` at the end.  Who runs us without systemd hears nothing.
"""

import asyncio
import logging
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)

CALM_S = 1.0  # until what has begun counts as ready
FED = 3  # times within what the watchdog allows


class Notifier:
    """The socket that systemd listens on; without an address it does nothing."""

    def __init__(self, address: str) -> None:
        """Take NOTIFY_SOCKET; a leading @ means Linux's abstract namespace."""
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, *states: str) -> None:
        """Send states, such as "READY=1"; that nobody listens is not our trouble."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto("\n".join(states).encode(), self._address)
        except OSError as error:
            log.debug("cannot tell systemd %s: %s", states, error)


class Pulse:
    """Which stages live.  The front door says when one begins and when it fails."""

    def __init__(self) -> None:
        self._down: set[str] = set()

    def up(self, stage: str) -> None:
        """Note that a stage begins."""
        self._down.discard(stage)

    def down(self, stage: str) -> None:
        """Note that a stage has failed and waits for its next try."""
        self._down.add(stage)

    @property
    def lives(self) -> bool:
        """Tell whether no stage is down."""
        return not self._down

    @property
    def text(self) -> str:
        """Say it for `systemctl status`."""
        return f"down: {', '.join(sorted(self._down))}" if self._down else "running"


def watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    """Give what systemd's watchdog allows between two signs of life, None without one.

    >>> watchdog_s({"WATCHDOG_USEC": "30000000"}, 7)
    30.0
    >>> watchdog_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 7)
    """
    allowed = environment.get("WATCHDOG_USEC", "")
    whose = environment.get("WATCHDOG_PID", str(pid))
    if not allowed.isdigit() or whose != str(pid):
        return None
    return int(allowed) / 1e6 or None


async def keep_told(
    notifier: Notifier, pulse: Pulse, every_s: float | None, calm_s: float = CALM_S
) -> None:
    """Tell systemd that we are ready, that we live, and in the end that we stop.

    A stage that is down for longer than the watchdog allows stops the signs of life:
    systemd then starts the whole process afresh.
    """
    try:
        await asyncio.sleep(calm_s)
        notifier.tell("READY=1", f"STATUS={pulse.text}")
        while True:
            if pulse.lives:
                notifier.tell("WATCHDOG=1", f"STATUS={pulse.text}")
            else:
                notifier.tell(f"STATUS={pulse.text}")
            await asyncio.sleep(every_s / FED if every_s else 60)
    finally:
        notifier.tell("STOPPING=1")

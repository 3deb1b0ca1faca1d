"""What systemd hears: ready, alive as long as every stage is, stopping."""

import asyncio
import os
import socket

import pytest

from vitals.sdnotify import Notifier, Pulse, keep_told, watchdog_s


@pytest.fixture
def systemd(tmp_path):
    """The socket of a pretended systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.setblocking(False)
        yield ear


def heard(ear):
    """Give all that has been said so far, a set of lines for each datagram."""
    said = []
    while True:
        try:
            said.append(set(ear.recv(4096).decode().splitlines()))
        except BlockingIOError:
            return said


async def words(ear, count=6):
    """Wait for so many datagrams: three to six are said in what the watchdog allows."""
    said = heard(ear)
    while len(said) < count:
        await asyncio.sleep(0.01)
        said += heard(ear)
    return said


async def live(ear, pulse, change=lambda: None):
    """Be watched for a while; `change` happens in the middle.  Give both halves."""
    notifier = Notifier(ear.getsockname())
    task = asyncio.create_task(keep_told(notifier, pulse, 0.06, calm_s=0))
    first = await words(ear)
    change()
    second = await words(ear)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return first, second, heard(ear)


def fed(said):
    return sum("WATCHDOG=1" in one for one in said)


def test_ready_then_alive_then_stopping(run, systemd):
    first, second, last = run(live(systemd, Pulse()))
    assert "READY=1" in first[0]
    assert fed(first) >= 2
    assert fed(second) >= 2
    assert last[-1] == {"STOPPING=1"}


def test_a7_while_a_stage_is_down_the_watchdog_is_not_fed(run, systemd):
    pulse = Pulse()
    pulse.up("gateway")
    first, second, _ = run(live(systemd, pulse, lambda: pulse.down("gateway")))
    assert fed(first) >= 2
    assert fed(second) == 0
    assert {"STATUS=down: gateway"} in second


def test_a_stage_that_comes_back_is_fed_for_again(run, systemd):
    pulse = Pulse()
    pulse.down("dsp")
    first, second, _ = run(live(systemd, pulse, lambda: pulse.up("dsp")))
    assert fed(first) == 0
    assert fed(second) >= 2


def test_a7_a_blocked_event_loop_feeds_nobody(run, systemd):
    """The very thing that a watchdog is for: a loop that hangs."""
    import time

    async def main():
        notifier = Notifier(systemd.getsockname())
        task = asyncio.create_task(keep_told(notifier, Pulse(), 0.06, calm_s=0))
        assert fed(await words(systemd)) >= 2
        time.sleep(0.3)
        assert heard(systemd) == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())


def test_linuxs_abstract_namespace_is_understood():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        name = f"vitals-test-notify-{os.getpid()}"  # the machine's, not the folder's
        ear.bind(f"\0{name}")
        Notifier(f"@{name}").tell("READY=1", "STATUS=hi")
        assert ear.recv(100) == b"READY=1\nSTATUS=hi"


def test_without_systemd_nothing_is_said_and_nothing_fails(tmp_path):
    Notifier("").tell("READY=1")
    Notifier(str(tmp_path / "nobody")).tell("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdogs_time_is_ours_only_if_it_names_us(environment, seconds):
    assert watchdog_s(environment, 7) == seconds

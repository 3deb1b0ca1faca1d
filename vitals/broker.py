"""A broker for those who have none: mosquitto as a child, else amqtt in this process.

For `vitals demo` and tests only; an installation runs mosquitto as a service with
`deploy/mosquitto.conf`.  Home of amqtt, which is slow, knows no MQTT 5 and forgets the
sessions of nameless clients: so it gets a user, made afresh each time.
"""

import asyncio
import logging
import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from vitals.config import Mqtt
from vitals.errors import Unavailable

SBIN = "/usr/sbin/mosquitto"  # not on every user's PATH

CONF = """listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {data}/
autosave_interval 5
max_queued_messages 0
max_inflight_messages 10000
set_tcp_nodelay true
log_type error
log_type warning
"""


def find_mosquitto() -> str | None:
    """Give the path of mosquitto, if it is installed."""
    return shutil.which("mosquitto") or shutil.which(SBIN)


@asynccontextmanager
async def embedded(data: Path) -> AsyncIterator[tuple[Mqtt, str]]:
    """Run a broker on a free port of the loopback for the time of a block.

    Gives how to reach it, and its name for people.
    """
    mosquitto, port = find_mosquitto(), free_port()
    if mosquitto:
        async with child(mosquitto, data, port):
            yield Mqtt(port=port), "mosquitto"
    else:
        async with in_process(data, port) as mqtt:
            yield mqtt, "amqtt (install mosquitto for a real one)"


@asynccontextmanager
async def child(program: str, data: Path, port: int) -> AsyncIterator[None]:
    """Run mosquitto; its sessions and queues lie in `data`."""
    data.mkdir(parents=True, exist_ok=True)
    conf = data / "mosquitto.conf"
    owner = "user root\n" if os.geteuid() == 0 else ""  # root's would drop to a user
    conf.write_text(CONF.format(port=port, data=data) + owner)
    log = (data / "mosquitto.log").open("ab")
    # A session of its own: Ctrl-C must reach us first, the broker last.
    process = await asyncio.create_subprocess_exec(
        program, "-c", str(conf), stdout=log, stderr=log, start_new_session=True
    )
    try:
        await reachable(port, process)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        log.close()


@asynccontextmanager
async def in_process(data: Path, port: int) -> AsyncIterator[Mqtt]:
    """Run amqtt."""
    from amqtt.broker import Broker
    from amqtt.contexts import BrokerConfig, ListenerConfig

    logging.getLogger("amqtt").setLevel(logging.ERROR)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    data.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(16)
    word = data / "broker.password"
    word.write_text(password)
    word.chmod(0o600)
    users = data / "broker.users"
    users.write_text(f"vitals:{_hashed(password)}\n")
    plugins = {
        "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(users)}
    }
    listener = ListenerConfig(bind=f"127.0.0.1:{port}")
    broker = Broker(BrokerConfig(listeners={"default": listener}, plugins=plugins))
    await broker.start()
    try:
        yield Mqtt(
            port=port, version="3.1.1", username="vitals", password_file=str(word)
        )
    finally:
        await broker.shutdown()


def _hashed(password: str) -> str:
    """Hash a password as amqtt's file wants it."""
    from pwdlib import PasswordHash

    return PasswordHash.recommended().hash(password)


def free_port() -> int:
    """Give a port of the loopback that nobody listens on.

    It is kept for whoever asks for it by its number, as long as this process lives: who
    asks for any port is given another.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port = int(probe.getsockname()[1])
    probe.detach()  # stays open
    return port


async def reachable(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until the child listens."""
    for _ in range(2400):  # a minute
        if process.returncode is not None:
            raise Unavailable(f"mosquitto ended at once with {process.returncode}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.025)
        else:
            writer.close()
            return
    raise Unavailable("mosquitto does not answer on its port")

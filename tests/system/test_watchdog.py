"""Somebody is told when the engine or the broker dies: real processes, killed."""

import asyncio
import contextlib
import json
import sys

import pytest

from tests.alerts.conftest import Receiver
from vitals import broker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not broker.find_mosquitto(), reason="apt install mosquitto"),
]

CONFIG = """data = "{data}"
[mqtt]
port = {port}
[gateway]
name = "gw-1"
adapter = "tcp-client:127.0.0.1:{nobody}"
[watchdog]
url_file = "{urls}"
form = "{form}"
stages = ["alerts", "ingest"]
silent_s = 30
"""


@contextlib.asynccontextmanager
async def process(*command):
    """Run a program for the time of a block."""
    child = await asyncio.create_subprocess_exec(*command)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


class Ward:
    """A folder with a configuration, and who is told."""

    def __init__(self, folder, form="json"):
        self.folder, self.receiver = folder, Receiver(lambda _n: 200)
        self.port = broker.free_port()
        urls = folder / "urls"
        urls.write_text(f"\n{self.receiver.url}\n")
        self.config = folder / "vitals.toml"
        values = {"data": folder, "port": self.port, "nobody": broker.free_port()}
        self.config.write_text(CONFIG.format(**values, urls=urls, form=form))

    def mosquitto(self):
        conf = self.folder / "mosquitto.conf"
        owner = f"user {self.folder.owner()}\n"
        conf.write_text(broker.CONF.format(port=self.port, data=self.folder) + owner)
        return process(broker.find_mosquitto(), "-c", str(conf))

    def stage(self, name):
        vitals = sys.executable, "-m", "vitals", "run", name
        return process(*vitals, "--config", str(self.config))

    async def told(self, what, over=False):
        """Wait for a word; give it."""
        while True:
            for _, body in self.receiver.got:
                word = json.loads(body)
                if (word["what"], word["over"]) == (what, over):
                    return word
            await asyncio.sleep(0.2)


@pytest.fixture
def ward(tmp_path):
    ward = Ward(tmp_path)
    yield ward
    ward.receiver.close()


def test_c20_a_gateway_tells_when_the_engine_dies_and_when_the_broker_does(ward, run):
    async def main():
        async with contextlib.AsyncExitStack() as house:
            mosquitto = await house.enter_async_context(ward.mosquitto())
            await house.enter_async_context(ward.stage("ingest"))
            await house.enter_async_context(ward.stage("gateway"))
            async with ward.stage("alerts") as engine:
                await asyncio.sleep(8)
                engine.kill()
                word = await ward.told("alerts")
                assert (word["by"], word["t"] - word["since"] < 90_000) == (
                    "gw-1",
                    True,
                )
            async with ward.stage("alerts"):
                await ward.told("alerts", over=True)
                mosquitto.kill()
                word = await ward.told("broker")
                assert word["t"] - word["since"] < 90_000
            whats = [json.loads(body)["what"] for _, body in ward.receiver.got]
            assert whats == ["alerts", "alerts", "broker"]

    run(main())

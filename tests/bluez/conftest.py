"""One machine, and one gateway, for all tests of this folder."""

import asyncio
import subprocess

import pytest

from tests.bluez.house import house
from tests.bluez.image import build, missing
from vitals.broker import find_mosquitto


@pytest.fixture(scope="module")
def image():
    if names := missing():
        pytest.skip(f"no {names}: apt install qemu-system-x86 kmod")
    if not find_mosquitto():
        pytest.skip("no mosquitto: apt install mosquitto")
    try:
        return build()
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", b"") or str(error).encode()
        pytest.skip(f"no image of a machine: {why.decode(errors='replace')[-200:]}")


@pytest.fixture(scope="module")
def runner():
    """Whose loop the house lives in, from one test to the next."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def place(image, runner, tmp_path_factory):
    """A house in which everybody speaks; strap-1 only to whom it is bonded with."""
    block = house(image, tmp_path_factory.mktemp("bluez"))
    built = runner.run(block.__aenter__())
    built.secure("strap-1")
    try:
        runner.run(built.start())
        yield built
    finally:
        runner.run(block.__aexit__(None, None, None))


@pytest.fixture
def live(runner):
    """Run a coroutine in the house's loop, with a time limit."""

    def go(coroutine, timeout=300):
        async def bounded():
            async with asyncio.timeout(timeout):
                return await coroutine

        return runner.run(bounded())

    return go

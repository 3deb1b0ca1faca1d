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


@pytest.fixture(autouse=True)
def kernel(place):
    """Skip, and say why, where the machine's own kernel has crashed.

    Linux 6.1 does not survive every fault of an adapter: rarely its own list of links
    is damaged (`list_del corruption`).  Then there is no stack left to test.
    """
    _needs_kernel(place)


@pytest.fixture
def live(runner, place):
    """Run a coroutine in the house's loop, with a time limit."""

    def go(coroutine, timeout=300):
        async def bounded():
            async with asyncio.timeout(timeout):
                return await coroutine

        try:
            return runner.run(bounded())
        except (AssertionError, TimeoutError):
            _needs_kernel(place)
            raise

    return go


def _needs_kernel(place):
    if crash := place.vm.crash:
        pytest.skip(f"the machine's Linux crashed: {crash}")

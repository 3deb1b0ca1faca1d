"""The adapter that a virtual machine sees, spoken to as Linux does: in octets."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from firmware_sim.air import Air
from firmware_sim.uart import GAP_S, attach

RESET, READ_ADDRESS = bytes.fromhex("01030c00"), bytes.fromhex("01091000")
WAS_RESET = bytes.fromhex("040e0401030c00")  # command complete, 0x0c03, success
SCAN = bytes.fromhex("010c20020100")


@asynccontextmanager
async def wire(folder):
    """The host's end of the UART, and the adapter at the other."""
    ends = asyncio.Queue()
    path = str(folder / "hci")
    server = await asyncio.start_unix_server(lambda *end: ends.put_nowait(end), path)
    air = Air()
    adapter = await attach(air, path)
    reader, writer = await ends.get()

    async def ask(octets, limit_s=60.0):
        writer.write(octets)
        with suppress(TimeoutError):
            return await asyncio.wait_for(reader.read(1024), limit_s)

    try:
        yield ask, adapter
    finally:
        air.close()
        writer.close()
        server.close()


def test_it_answers_and_has_a_public_address(run, tmp_path):
    async def main():
        async with wire(tmp_path) as (ask, _):
            assert await ask(RESET) == WAS_RESET
            assert (await ask(READ_ADDRESS))[-6:].hex() == "0100003e1600"

    run(main())


def test_a_hung_adapter_answers_nothing_but_a_reset(run, tmp_path):
    async def main():
        async with wire(tmp_path) as (ask, adapter):
            adapter.freeze()
            assert await ask(READ_ADDRESS, 0.2) is None
            assert await ask(RESET) == WAS_RESET
            assert await ask(READ_ADDRESS)

    run(main())


def test_a_pulled_adapter_answers_nothing_until_it_is_plugged_in(run, tmp_path):
    async def main():
        async with wire(tmp_path) as (ask, adapter):
            adapter.pull()
            assert await ask(RESET, 0.2) is None
            adapter.plug()
            assert await ask(RESET) == WAS_RESET

    run(main())


@pytest.mark.parametrize("noise", [b"login: ", RESET[:3], WAS_RESET, bytes(300)])
def test_after_noise_and_a_silence_packets_are_understood(run, tmp_path, noise):
    async def main():
        async with wire(tmp_path) as (ask, _):
            await ask(noise, 2 * GAP_S)
            assert await ask(RESET) == WAS_RESET

    run(main())


def test_a_reset_ends_scanning(run, tmp_path):
    async def main():
        async with wire(tmp_path) as (ask, adapter):
            await ask(SCAN)
            assert adapter.le_scan_enable
            await ask(RESET)
            assert not adapter.le_scan_enable

    run(main())

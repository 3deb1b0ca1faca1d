"""A machine whose own Linux crashes, which it rarely does, keeps no test waiting."""

import asyncio
from types import SimpleNamespace

import pytest

from tests.bluez.house import until
from tests.bluez.machine import Machine

CRASH = "[   67.73] list_del corruption, ffff88800948e440->prev is LIST_POISON2"


async def machine(folder, *lines):
    """Give a machine that has said these lines, and a house with it."""
    vm, console = Machine(None, folder), asyncio.StreamReader()
    vm._process = SimpleNamespace(stdout=console, stdin=SimpleNamespace(write=len))
    console.feed_data("".join(f"{line}\n" for line in lines).encode())
    console.feed_eof()
    await vm._read()
    return vm, SimpleNamespace(vm=vm, broken=False, log=str)


def test_nobody_waits_for_a_machine_that_has_crashed(run, tmp_path):
    async def main():
        vm, house = await machine(tmp_path, "READY kernel 6.1", CRASH, "and so on")
        await vm.order("adapter")
        with pytest.raises(AssertionError, match="list_del corruption"):
            await until(lambda: False, "answer", house)

    run(main(), 30)


def test_while_it_lives_there_is_patience(run, tmp_path):
    async def main():
        vm, house = await machine(
            tmp_path, "READY kernel 6.1", "a word of the kernel's"
        )
        assert (vm.crash, vm.version) == ("", "kernel 6.1")
        with pytest.raises(AssertionError, match="no answer within"):
            await until(lambda: False, "answer", house, 0.2)
        assert house.broken

    run(main(), 30)

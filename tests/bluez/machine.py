"""A machine with the real Linux Bluetooth stack, in QEMU, for the length of a block.

    async with machine(build()) as vm:
        await attach(air, str(vm.hci))  # its adapter
        await vm.ready()
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = vm.bus_address
        await vm.order("killall -9 bluetoothd")

Emulated in software: no root, no Bluetooth and no virtualisation of this machine is
needed.  A program outside meets BlueZ on the machine's own system bus, at full speed.
"""

import asyncio
import re
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bluez.image import PATH, Image
from vitals.broker import free_port

MEMORY_MB = 160
CRASH = re.compile(
    r"list_(del|add) corruption|kernel BUG at|Oops: |__list_del_entry_valid"
)
BOOT_S, ORDER_S = 240, 60
# `no_timer_check`: on a busy machine the emulated timer ticks too late to be believed.
COMMAND_LINE = (
    "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests=1 no_timer_check"
)


@asynccontextmanager
async def machine(image: Image):
    """Boot; the machine is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="bluez-") as name:
        vm = Machine(image, Path(name))
        try:
            await vm.start()
            yield vm
        finally:
            await vm.stop()


class Machine:
    """A running machine."""

    def __init__(self, image, folder):
        self.image, self.hci, self._bus = image, folder / "hci", folder / "bus"
        self.bus_address = f"unix:path={self._bus}"
        self.lines, self.version = [], ""
        self.crash = ""  # what the machine's own kernel died of
        self._port = free_port()
        self._ready, self._orders = asyncio.Event(), {}
        self._process = self._server = None

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            shutil.which("qemu-system-x86_64", path=PATH),
            *self._options(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reader = asyncio.ensure_future(self._read())
        self._server = await asyncio.start_unix_server(self._join, self._bus)
        while not self.hci.exists():
            assert self._process.returncode is None, "\n".join(self.lines)
            await asyncio.sleep(0.02)

    def _options(self):
        forward = f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:7000"
        wire = f"socket,id=hci,path={self.hci},server=on,wait=off"
        bare = "-nodefaults", "-no-user-config", "-no-reboot"
        return [
            *(*bare, "-display", "none", "-monitor", "none", "-serial", "stdio"),
            *("-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"),
            *("-m", str(MEMORY_MB), "-append", COMMAND_LINE),
            *("-kernel", self.image.kernel, "-initrd", self.image.initrd),
            *("-device", "virtio-serial-pci", "-chardev", wire),
            *("-device", "virtconsole,chardev=hci", "-netdev", forward),
            *("-device", "virtio-net-pci,netdev=n,romfile="),
        ]

    async def _read(self):
        """Read the console."""
        async for octets in self._process.stdout:
            line = octets.decode(errors="replace").rstrip()
            self.lines.append(line)
            if not self.crash and CRASH.search(line):
                self._die_of(line)
            if found := re.search(r"READY (.*)", line):
                self.version = found[1]
                self._ready.set()
            if found := re.search(r"DONE (.*)", line):
                self._orders[found[1]].set()
        self._ready.set()

    def _die_of(self, line):
        """Keep nobody waiting for what will never be done."""
        self.crash = line
        for done in self._orders.values():
            done.set()

    async def ready(self):
        """Wait until BlueZ has switched its adapter on."""
        await asyncio.wait_for(self._ready.wait(), BOOT_S)
        assert self.version, "\n".join(self.lines)

    async def order(self, line):
        """Have the machine's shell do something, and wait until it has, or has died."""
        done = self._orders[line] = asyncio.Event()
        self._process.stdin.write(line.encode() + b"\n")
        if not self.crash:
            await asyncio.wait_for(done.wait(), ORDER_S)

    async def _join(self, reader, writer):
        """Let a client of this machine onto the other's bus.

        It greets as one of this machine does, and anonymously goes on there.  File
        descriptors do not pass: StartNotify works, AcquireNotify does not.
        """
        await reader.readexactly(1)
        while (line := (await reader.readline()).strip()) != b"BEGIN":
            writer.write(_greeting(line))
        there = await asyncio.open_connection("127.0.0.1", self._port)
        there[1].write(b"\0AUTH ANONYMOUS\r\n")
        await there[0].readline()
        there[1].write(b"BEGIN\r\n")
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    async def stop(self):
        if self._process:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            await self._reader
        if self._server:
            self._server.close()


def _greeting(line):
    if line.startswith(b"AUTH"):
        return b"OK " + b"0" * 32 + b"\r\n"
    return b"AGREE_UNIX_FD\r\n" if line == b"NEGOTIATE_UNIX_FD" else b"ERROR\r\n"


async def _pump(source, drain):
    try:
        while data := await source.read(65536):
            drain.write(data)
            await drain.drain()
    except ConnectionError:
        pass
    finally:
        drain.close()

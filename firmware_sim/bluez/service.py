"""The service org.bluez: one adapter, the devices it hears, the agents that answer."""

import asyncio
from collections.abc import Awaitable, Callable

from bumble.core import BaseBumbleError
from bumble.device import Advertisement
from bumble.hci import Address
from bumble.host import Host
from bumble.transport import open_transport
from dbus_fast import AuthError, InvalidAddressError, Variant
from dbus_fast.aio import MessageBus

from firmware_sim.bluez.advertisement import said, stranger
from firmware_sim.bluez.agent import Agent, Questions
from firmware_sim.bluez.central import ADDRESS, Central
from firmware_sim.bluez.objects import Answer, Call, Method, Objects, Props, Refusal
from firmware_sim.bluez.remote import (
    CHARACTERISTIC,
    DESCRIPTOR,
    DEVICE,
    FAILED,
    IN_PROGRESS,
    NOT_PAIRED,
    Remote,
)
from vitals import Unavailable

ROOT = "/org/bluez"
ADAPTER = "org.bluez.Adapter1"
MANAGER = "org.bluez.AgentManager1"
FORGET_S = 30.0  # after the scan
REFUSALS = (
    OSError,
    ValueError,
    AuthError,
    InvalidAddressError,
    BaseBumbleError,
    Refusal,
)


async def serve(
    bus_address: str, adapter: str, ready: Callable[[], None] = lambda: None
) -> None:
    """Be org.bluez on a bus until that or the adapter goes away.

    Parameters
    ----------
    bus_address
        As D-Bus writes it: "unix:path=PATH".
    adapter
        As Bumble names it: "tcp-client:127.0.0.1:6402".
    ready
        Called when clients may come.

    Raises
    ------
    Unavailable
        There is no such bus or adapter, or the bus has a BlueZ.
    """
    try:
        bus = await MessageBus(bus_address).connect()
        transport = await open_transport(adapter)
        bluez = BlueZ(bus, Host(transport.source, transport.sink))
        await bluez.start()
    except REFUSALS as error:
        raise Unavailable(f"{bus_address}, {adapter}: {error}") from error
    ready()
    left = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
    ends = left, transport.source.terminated
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not left.done():
            await bluez.stop()


class BlueZ:
    """org.bluez with one adapter, hci0."""

    def __init__(self, bus: MessageBus, host: Host) -> None:
        self.adapter = f"{ROOT}/hci0"
        self._objects = Objects(bus)
        self._objects.left = self._on_left
        self._objects.methods |= self._methods()
        self._central = Central(host, self._hear)
        self._remotes: dict[str, Remote] = {}  # by path
        self._scanners: set[str] = set()  # unique bus names
        self._agents: list[Agent] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Power the adapter, and be there.

        Raises
        ------
        Refusal
            The bus has a BlueZ.
        """
        await self._central.device.power_on()
        self._objects.add(ROOT, MANAGER, {})
        self._objects.add(self.adapter, ADAPTER, _adapter())
        await self._objects.serve("org.bluez")

    async def stop(self) -> None:
        """End all links, and take everything away, as bluetoothd does when told."""
        for remote in self._remotes.values():
            await remote.disconnect()
        self._objects.remove(ROOT)

    def _methods(self) -> dict[tuple[str, str], Method]:
        """Give the table of what can be called."""
        return {
            (ADAPTER, "SetDiscoveryFilter"): _nothing,
            (ADAPTER, "StartDiscovery"): self._start_discovery,
            (ADAPTER, "StopDiscovery"): self._stop_discovery,
            (ADAPTER, "RemoveDevice"): self._remove_device,
            (DEVICE, "Connect"): self._of(Remote.connect),
            (DEVICE, "Disconnect"): self._of(Remote.disconnect),
            (DEVICE, "Pair"): self._of(Remote.pair),
            (CHARACTERISTIC, "ReadValue"): self._of(Remote.read),
            (CHARACTERISTIC, "WriteValue"): self._of(Remote.write),
            (CHARACTERISTIC, "StartNotify"): self._of(Remote.start_notify),
            (CHARACTERISTIC, "StopNotify"): self._of(Remote.stop_notify),
            (DESCRIPTOR, "ReadValue"): self._of(Remote.read),
            (DESCRIPTOR, "WriteValue"): self._of(Remote.write),
            (MANAGER, "RegisterAgent"): self._register_agent,
            (MANAGER, "RequestDefaultAgent"): _nothing,
            (MANAGER, "UnregisterAgent"): self._unregister_agent,
        }

    def _of(self, method: Callable[[Remote, Call], Awaitable[Answer | None]]) -> Method:
        """Let the device answer that a call is about; its attributes are below it."""

        def answer(call: Call) -> Awaitable[Answer | None]:
            device = call.path.partition("/service")[0]
            return method(self._remotes[device], call)

        return answer

    # Discovery.

    async def _start_discovery(self, call: Call) -> None:
        if call.sender in self._scanners:
            raise Refusal(IN_PROGRESS, "Operation already in progress")
        self._scanners.add(call.sender)
        await self._tune()

    async def _stop_discovery(self, call: Call) -> None:
        if call.sender not in self._scanners:
            raise Refusal(FAILED, "No discovery started")
        self._scanners.remove(call.sender)
        await self._tune()

    async def _tune(self) -> None:
        """Scan while anybody wants it; afterwards nobody's RSSI is known."""
        wanted = bool(self._scanners)
        await self._central.listen(wanted)
        scanning = {"Discovering": Variant("b", wanted)}
        self._objects.change(self.adapter, ADAPTER, scanning)
        for remote in () if wanted else self._remotes.values():
            self._objects.props(remote.path, DEVICE).pop("RSSI", None)
            self._forget_later(remote)

    def _hear(self, advertisement: Advertisement) -> None:
        """Add who is new; tell what is new of who is known."""
        path, props = self._path(advertisement.address), said(advertisement)
        if path in self._remotes:
            self._remotes[path].peer = advertisement.address
            known = self._objects.props(path, DEVICE)
            props = {k: v for k, v in props.items() if known.get(k) != v}
            self._objects.change(path, DEVICE, props)
            return
        peer = advertisement.address
        self._remotes[path] = Remote(
            path, peer, self._central, self._objects, self._consent
        )
        props = stranger(advertisement, self.adapter) | props
        self._objects.add(path, DEVICE, props)

    def _path(self, peer: Address) -> str:
        """Give the path of who is heard: it keeps the one that it was met under."""
        who = self._central.name(peer)
        path = f"{self.adapter}/dev_{who.replace(':', '_')}"
        if path in self._remotes:
            return path
        paths = (p for p, remote in self._remotes.items() if remote.address == who)
        return next(paths, path)

    async def _remove_device(self, call: Call) -> None:
        """Forget a device and its bond."""
        remote = self._remotes.pop(call.body[0], None)
        if not remote:
            raise Refusal("org.bluez.Error.DoesNotExist", "Does Not Exist")
        await remote.disconnect()
        await self._central.forget(remote.peer)
        self._objects.remove(remote.path)

    def _forget_later(self, remote: Remote) -> None:
        asyncio.get_running_loop().call_later(FORGET_S, self._forget, remote)

    def _forget(self, remote: Remote) -> None:
        """Forget a device that means nothing to anybody."""
        here = self._remotes.get(remote.path) is remote
        if here and remote.idle and not self._scanners:
            del self._remotes[remote.path]
            self._objects.remove(remote.path)

    # Clients.

    def _on_left(self, client: str) -> None:
        """Forget what a client wanted."""
        self._agents = [agent for agent in self._agents if agent.owner != client]
        if client in self._scanners:
            self._scanners.remove(client)
            task = asyncio.ensure_future(self._tune())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _register_agent(self, call: Call) -> None:
        agent = Agent(call.sender, *call.body)
        if any(a.owner == agent.owner for a in self._agents):
            raise Refusal("org.bluez.Error.AlreadyExists", "Already Exists")
        self._agents.append(agent)

    async def _unregister_agent(self, call: Call) -> None:
        mine = call.sender, call.body[0]
        self._agents = [a for a in self._agents if (a.owner, a.path) != mine]

    def _consent(self, remote: Remote) -> None:
        """Let the newest agent answer for a device; without one nobody can."""
        if not self._agents:
            raise Refusal(NOT_PAIRED, "Authentication Failed")
        agent = self._agents[-1]
        self._central.delegate = Questions(agent, remote.path, self._objects)


def _adapter() -> Props:
    """Give Adapter1's properties."""
    names = dict.fromkeys(("Name", "Alias"), Variant("s", "simulation"))
    return names | {
        "Address": Variant("s", ADDRESS),
        "Powered": Variant("b", True),
        "Discovering": Variant("b", False),
        "Roles": Variant("as", ["central"]),
        "UUIDs": Variant("as", []),
    }


async def _nothing(_: Call) -> None:
    """Accept what makes no difference here."""

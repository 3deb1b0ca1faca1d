"""What bleak does not do with BlueZ: switch an adapter off and on, find lost links.

Each call has a bus connection of its own and a time limit; what goes wrong is an
`OSError` with BlueZ's words.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

from dbus_fast import AuthError, BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

DBUS = "org.freedesktop.DBus"
ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
SWITCH_S = 20.0  # a hung controller lets the kernel wait 2 s for each command
LEAVE_S = 10.0  # each of them takes 2 s or 3, all at once no more
SETTLE_S = 0.5  # between off and on

Objects = dict[str, dict[str, dict[str, Variant]]]
"""Properties by path and interface."""


async def power_cycle(name: str) -> None:
    """Switch an adapter off and on, "" the first; this resets its controller.

    Raises
    ------
    OSError
        There is no such adapter, or it stays off.
    """
    async with _bus(2 * SWITCH_S + 5) as bus:
        path = _path(await _objects(bus), name)
        with suppress(OSError):  # it hangs: switching it on will tell
            await _switch(bus, path, on=False)
        await asyncio.sleep(SETTLE_S)
        await _switch(bus, path, on=True)


async def left_over(
    name: str, addresses: Collection[str], useless: Collection[str] = ()
) -> dict[str, str | None]:
    """Find links of BlueZ's to wearables that nobody holds; let go of broken ones.

    A link outlives the process that made it, and who is connected does not advertise.

    Parameters
    ----------
    name
        Of the adapter whose links are meant; "" means those of any.
    addresses
        Of the wearables, in upper case.
    useless
        Those of them whose links have been tried in vain.

    Returns
    -------
    dict
        By address: the path of a link that can be used, None where it could not, and
        BlueZ has ended it now.

    Raises
    ------
    OSError
        BlueZ does not answer.
    """
    async with _bus(LEAVE_S) as bus:
        # An address may be another than the one in the path: it was private once.
        held = {
            address: (path, device["ServicesResolved"].value)
            for path, interfaces in (await _objects(bus)).items()
            if (device := interfaces.get(DEVICE)) and device["Connected"].value
            if (address := device["Address"].value.upper()) in addresses
            if not name or path.startswith(f"/org/bluez/{name}/")
        }
        good = {a: path for a, (path, ok) in held.items() if ok and a not in useless}
        broken = [path for address, (path, _) in held.items() if address not in good]
        calls = [Message("org.bluez", path, DEVICE, "Disconnect") for path in broken]
        await asyncio.gather(*(_call(bus, call) for call in calls))
    return {address: good.get(address) for address in held}


async def objects() -> Objects:
    """Give all that BlueZ knows: adapters, devices, their properties.

    Raises
    ------
    OSError
        There is no D-Bus, or no BlueZ on it.
    """
    async with _bus(LEAVE_S) as bus:
        return await _objects(bus)


@asynccontextmanager
async def _bus(limit_s: float) -> AsyncIterator[MessageBus]:
    """Be on the system bus for a block, which has a time limit."""
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        async with asyncio.timeout(limit_s):
            await bus.connect()
            yield bus
    except (EOFError, AuthError) as error:
        raise OSError(f"D-Bus: {error}") from error
    finally:
        bus.disconnect()


async def _objects(bus: MessageBus) -> Objects:
    manager = f"{DBUS}.ObjectManager"
    call = Message("org.bluez", "/", manager, "GetManagedObjects")
    [objects] = await _call(bus, call)
    found: Objects = objects
    return found


def _path(objects: Objects, name: str) -> str:
    """Find an adapter by its name, or the first."""
    adapters = sorted(path for path, kinds in objects.items() if ADAPTER in kinds)
    for path in adapters:
        if not name or path.endswith(f"/{name}"):
            return path
    raise OSError(f"BlueZ knows no adapter {name}".rstrip())


async def _switch(bus: MessageBus, path: str, on: bool) -> None:
    body = [ADAPTER, "Powered", Variant("b", on)]
    properties = f"{DBUS}.Properties"
    message = Message("org.bluez", path, properties, "Set", signature="ssv", body=body)
    async with asyncio.timeout(SWITCH_S):
        await _call(bus, message)


async def _call(bus: MessageBus, message: Message) -> list[Any]:
    """Call a method; an error of BlueZ is raised."""
    reply = await bus.call(message)
    assert reply
    if reply.message_type is MessageType.ERROR:
        raise OSError(f"{reply.error_name}: {' '.join(map(str, reply.body))}")
    return reply.body

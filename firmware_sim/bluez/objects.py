"""Objects on a D-Bus: their properties, the signals of change, the calls they answer.

Serves org.freedesktop.DBus.ObjectManager and .Properties; every other interface is a
table of methods that somebody else fills in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from dbus_fast import Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

Props = dict[str, Variant]

DBUS = "org.freedesktop.DBus"
PROPERTIES = f"{DBUS}.Properties"
MANAGER = f"{DBUS}.ObjectManager"
NAMES = "type='signal',member='NameOwnerChanged'"


@dataclass(frozen=True, slots=True)
class Call:
    """A method call."""

    sender: str  # unique bus name
    path: str  # of the object
    body: list[Any]


class Refusal(Exception):
    """What a method answers instead: the name of a D-Bus error and a text."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(text or name)
        self.name, self.text = name, text


Answer = tuple[str, list[Any]]
"""D-Bus signature and values."""

Method = Callable[[Call], Awaitable[Answer | None]]


class Objects:
    """A tree of objects on a bus.

    Attributes
    ----------
    methods
        By interface and name.
    left
        Called with the unique name of each client that leaves the bus.
    """

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._tree: dict[str, dict[str, Props]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.left: Callable[[str], None] = lambda name: None
        self.methods: dict[tuple[str, str], Method] = {
            (MANAGER, "GetManagedObjects"): self._managed,
            (PROPERTIES, "Get"): self._get,
            (PROPERTIES, "GetAll"): self._get_all,
            (PROPERTIES, "Set"): self._set,
        }

    async def serve(self, name: str) -> None:
        """Be found under a bus name."""
        self._bus.add_message_handler(self._on_message)
        await self.ask(DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", "s", NAMES)
        await self._bus.request_name(name)

    # The tree.

    def __contains__(self, path: str) -> bool:
        return path in self._tree

    def props(self, path: str, interface: str) -> Props:
        """Give the properties of an object."""
        return self._tree[path][interface]

    def add(self, path: str, interface: str, props: Props) -> None:
        """Add an object."""
        self._tree[path] = {interface: props}
        self._signal("/", MANAGER, "InterfacesAdded", "oa{sa{sv}}", path, {interface: props})

    def remove(self, prefix: str) -> None:
        """Remove all objects whose paths begin so, children first."""
        for path in sorted((p for p in self._tree if p.startswith(prefix)), reverse=True):
            gone = list(self._tree.pop(path))
            self._signal("/", MANAGER, "InterfacesRemoved", "oas", path, gone)

    def change(self, path: str, interface: str, **props: Variant) -> None:
        """Change properties of an object, if it is still there."""
        if path in self._tree:
            self._tree[path][interface].update(props)
            self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", interface, props, [])

    def _signal(self, path: str, interface: str, member: str, signature: str, *body: Any) -> None:
        self._bus.send(Message.new_signal(path, interface, member, signature, list(body)))

    # Calls of ours.

    async def ask(self, to: str, path: str, interface: str, member: str, signature: str, *body: Any) -> list[Any]:
        """Call a method of somebody else.

        Raises
        ------
        Refusal
            It answered with an error.
        """
        reply = await self._bus.call(Message(destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body)))
        if reply.message_type is MessageType.ERROR:
            raise Refusal(reply.error_name or "", str(reply.body))
        return reply.body

    # Calls of others.

    def _on_message(self, message: Message) -> bool:
        """Take what is ours; leave the rest to dbus_fast, which refuses it."""
        if message.member == "NameOwnerChanged" and not message.body[2]:
            self.left(message.body[0])
        ...

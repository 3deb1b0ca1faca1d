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
BUS = "/org/freedesktop/DBus"
GONE = "type='signal',member='NameOwnerChanged'"
REPLACE_NEVER, PRIMARY_OWNER = 4, 1  # flag and answer of RequestName


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
        """Answer from now on, and be found under a bus name.

        Raises
        ------
        Refusal
            The bus does not give us the name, or somebody has it.
        """
        self._bus.add_message_handler(self._on_message)
        await self.ask(Message(DBUS, BUS, DBUS, "AddMatch", signature="s", body=[GONE]))
        wanted = [name, REPLACE_NEVER]
        request = Message(DBUS, BUS, DBUS, "RequestName", signature="su", body=wanted)
        if await self.ask(request) != [PRIMARY_OWNER]:
            raise Refusal(f"{DBUS}.Error.NameHasOwner", f"{name} is there already")

    async def ask(self, message: Message) -> list[Any]:
        """Call a method of somebody else.

        Raises
        ------
        Refusal
            The answer is an error.
        """
        reply = await self._bus.call(message)
        assert reply
        if reply.message_type is MessageType.ERROR:
            raise Refusal(str(reply.error_name), str(reply.body))
        return reply.body

    # The tree.

    def __contains__(self, path: str) -> bool:
        return path in self._tree

    def props(self, path: str, interface: str) -> Props:
        """Give the properties of an object."""
        return self._tree[path][interface]

    def add(self, path: str, interface: str, props: Props) -> None:
        """Add an object."""
        self._tree[path] = added = {interface: props}
        self._signal("/", (MANAGER, "InterfacesAdded"), "oa{sa{sv}}", path, added)

    def remove(self, prefix: str) -> None:
        """Remove all objects whose paths begin so, children first."""
        gone = sorted((p for p in self._tree if p.startswith(prefix)), reverse=True)
        for path in gone:
            interfaces = list(self._tree.pop(path))
            self._signal("/", (MANAGER, "InterfacesRemoved"), "oas", path, interfaces)

    def change(self, path: str, interface: str, props: Props) -> None:
        """Change properties of an object, if it is still there."""
        if path not in self._tree:
            return
        self._tree[path][interface].update(props)
        member, gone = (PROPERTIES, "PropertiesChanged"), list[str]()
        self._signal(path, member, "sa{sv}as", interface, props, gone)

    def _signal(
        self,
        path: str,
        member: tuple[str, str],
        signature: str,
        *body: Any,  # noqa: ANN401 - whatever the signature says
    ) -> None:
        self._bus.send(Message.new_signal(path, *member, signature, list(body)))

    # Being called.

    def _on_message(self, message: Message) -> bool:
        """Take what is ours; dbus_fast refuses the rest."""
        if message.member == "NameOwnerChanged" and not message.body[2]:
            self.left(message.body[0])
        called = message.message_type is MessageType.METHOD_CALL
        method = self.methods.get((message.interface or "", message.member or ""))
        if not called or method is None:
            return False
        task = asyncio.ensure_future(self._answer(message, method))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _answer(self, message: Message, method: Method) -> None:
        """Answer a call, whatever becomes of it."""
        call = Call(message.sender or "", message.path or "", message.body)
        try:
            if call.path not in ("/", *self._tree):
                raise Refusal(f"{DBUS}.Error.UnknownObject", call.path)
            signature, body = await method(call) or ("", [])
            reply = Message.new_method_return(message, signature, body)
        except Refusal as refusal:
            reply = Message.new_error(message, refusal.name, str(refusal))
        if not message.flags & MessageFlag.NO_REPLY_EXPECTED:
            await self._bus.send(reply)

    async def _managed(self, _: Call) -> Answer:
        return "a{oa{sa{sv}}}", [self._tree]

    async def _get(self, call: Call) -> Answer:
        _, name = call.body
        return "v", [self._interface(call)[name]]

    async def _get_all(self, call: Call) -> Answer:
        return "a{sv}", [self._interface(call)]

    async def _set(self, call: Call) -> None:
        interface, name, value = call.body
        self.change(call.path, interface, {name: value})

    def _interface(self, call: Call) -> Props:
        """Give the properties that a call is about."""
        interface, *name = call.body
        props = self._tree.get(call.path, {}).get(interface, {})
        if not set(name) <= set(props):
            raise Refusal(f"{DBUS}.Error.InvalidArgs", f"{interface} {name}")
        return props

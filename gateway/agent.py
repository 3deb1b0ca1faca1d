"""Answers BlueZ when a wearable is to be paired: org.bluez.Agent1.

BlueZ 5.66 refuses even Just Works where no agent is registered, and reading a protected
value then never returns.  We register again and again: BlueZ may come late, or start
anew.  Being on the bus all the time, the agent also notices when BlueZ dies, which
nobody else does: bleak shows links as connected for ever.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus

from vitals import ConfigError
from vitals.config import Wearable, passkey

log = logging.getLogger(__name__)

AGENT = "org.bluez.Agent1"
BLUEZ = "org.bluez"
OWNERS = f"type='signal',member='NameOwnerChanged',arg0='{BLUEZ}'"
PATH = "/vitals/gateway"
AGAIN_S = 5.0  # between registrations
CONSENT = ("RequestAuthorization", "RequestConfirmation")
NEWS = ("Release", "Cancel")


class Agent:
    """Pairs with the configured wearables, and with nobody else.

    Attributes
    ----------
    died
        Called when BlueZ leaves the bus.
    """

    def __init__(
        self,
        whose: Callable[[str], str | None] = lambda path: None,
        died: Callable[[], None] = lambda: None,
    ) -> None:
        """Take who knows whose a device is whose path shows another address."""
        self._known: dict[str, Wearable] = {}
        self._whose, self.died = whose, died
        self._news = asyncio.Event()

    def know(self, wearables: Collection[Wearable]) -> None:
        """Pair with these wearables from now on, and with no others."""
        self._known = {wearable.address.upper(): wearable for wearable in wearables}
        self._news.set()

    @property
    def capability(self) -> str:
        """What BlueZ takes us for: with a passkey to type, somebody with a keyboard."""
        typing = any(one.passkey or one.passkey_file for one in self._known.values())
        return "KeyboardOnly" if typing else "NoInputNoOutput"

    async def run(self) -> None:
        """Be there for BlueZ, for ever; without D-Bus there is nobody to answer."""
        while True:
            bus = MessageBus(bus_type=BusType.SYSTEM)
            bus.add_message_handler(self.answer)
            try:
                await bus.connect()
                await self._register(bus)
            except Exception as error:  # dbus_fast raises whatever its socket does
                log.debug("no agent: %s", error)
            finally:
                bus.disconnect()
            await asyncio.sleep(AGAIN_S)

    def answer(self, message: Message) -> Message | None:
        """Answer BlueZ's questions; leave what else arrives."""
        if message.message_type is MessageType.SIGNAL:
            self._take_news(message)
        called = message.message_type is MessageType.METHOD_CALL
        if not called or message.interface != AGENT:
            return None
        if message.member in NEWS:
            return Message.new_method_return(message)
        answer = self._reply(str(message.member), *message.body[:1])
        if answer is not None:
            return Message.new_method_return(message, *answer)
        log.warning("BlueZ asks for %s; refused", message.member)
        return Message.new_error(message, "org.bluez.Error.Rejected", "Rejected")

    def _reply(self, question: str, path: str = "") -> tuple[str, list[Any]] | None:
        """Answer for a device: the signature and the values, or None to refuse.

        Who has a passkey is not paired without it: it would be somebody else.
        """
        wearable = self._known.get(self._whose(path) or _address(path))
        if wearable is None:
            return None
        try:
            digits = passkey(wearable)
        except ConfigError as error:
            log.error("%s: %s", wearable.device, error)
            return None
        if question == "AuthorizeService" or (question in CONSENT and not digits):
            return "", []
        if question == "RequestPasskey" and digits:
            return "u", [int(digits)]
        if question == "RequestPinCode" and digits:
            return "s", [digits]
        return None

    def _take_news(self, signal: Message) -> None:
        """Note that BlueZ has come or gone."""
        if signal.member != "NameOwnerChanged" or signal.body[0] != BLUEZ:
            return
        self._news.set()
        if not signal.body[2]:
            log.warning("BlueZ has gone; all links with it")
            self.died()

    async def _register(self, bus: MessageBus) -> None:
        """Register until the bus goes away; BlueZ minds no repetition."""
        where = "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"
        await bus.call(Message(*where, "AddMatch", signature="s", body=[OWNERS]))
        told = ""
        while bus.connected:
            self._news.clear()
            if told != self.capability:
                await bus.call(_to_manager("UnregisterAgent", "o", PATH))
                told = self.capability
            await bus.call(_to_manager("RegisterAgent", "os", PATH, told))
            await bus.call(_to_manager("RequestDefaultAgent", "o", PATH))
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._news.wait()


def _to_manager(member: str, signature: str, *body: str) -> Message:
    """Make a call of BlueZ's agent manager."""
    where = BLUEZ, "/org/bluez", "org.bluez.AgentManager1"
    return Message(*where, member, signature=signature, body=list(body))


def _address(path: str) -> str:
    """Give the address in a device's path."""
    return path.rpartition("/dev_")[2].replace("_", ":")

"""Answers BlueZ when a wearable wants to pair: org.bluez.Agent1.

BlueZ 5.66 refuses even Just Works where no agent is registered, and reading a protected
value then never returns.  We register again and again: BlueZ may come late, or start
anew.  Being on the bus all the time, the agent also notices when BlueZ dies, which
nobody else does: bleak shows links as connected for ever.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus

log = logging.getLogger(__name__)

AGENT = "org.bluez.Agent1"
BLUEZ = "org.bluez"
OWNERS = f"type='signal',member='NameOwnerChanged',arg0='{BLUEZ}'"
PATH = "/vitals/gateway"
AGAIN_S = 5.0  # between registrations
CONSENT = ("RequestAuthorization", "RequestConfirmation", "AuthorizeService")
NEWS = ("Release", "Cancel")


class Agent:
    """Consents to Just Works with the configured wearables, and with nobody else.

    Attributes
    ----------
    died
        Called when BlueZ leaves the bus.
    """

    def __init__(
        self, addresses: Collection[str], died: Callable[[], None] = lambda: None
    ) -> None:
        self._known = {address.upper() for address in addresses}
        self.died = died
        self._news = asyncio.Event()

    def know(self, addresses: Collection[str]) -> None:
        """Consent to these wearables from now on, and to no others."""
        self._known = {address.upper() for address in addresses}

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
        consents = message.member in CONSENT and _address(message.body) in self._known
        if consents or message.member in NEWS:
            return Message.new_method_return(message)
        log.warning("BlueZ asks for %s; refused", message.member)
        return Message.new_error(message, "org.bluez.Error.Rejected", "Rejected")

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
        while bus.connected:
            self._news.clear()
            await bus.call(_to_manager("RegisterAgent", "os", PATH, "NoInputNoOutput"))
            await bus.call(_to_manager("RequestDefaultAgent", "o", PATH))
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._news.wait()


def _to_manager(member: str, signature: str, *body: str) -> Message:
    """Make a call of BlueZ's agent manager."""
    where = BLUEZ, "/org/bluez", "org.bluez.AgentManager1"
    return Message(*where, member, signature=signature, body=list(body))


def _address(body: list[str]) -> str:
    """Give the address in a device's path, which comes first in every question."""
    return body[0].rpartition("/dev_")[2].replace("_", ":")

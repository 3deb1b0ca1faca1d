"""Words to this gateway, over the bus: `vitals/v1/gateway/{gateway}/command`."""

import logging
from collections.abc import Awaitable, Callable, Mapping

from vitals import MalformedData, wire
from vitals.bus import Bus
from vitals.metrics import Metrics
from vitals.model import GatewayCommand
from vitals.wire import Message

log = logging.getLogger(__name__)

Handler = Callable[[Message], Awaitable[None]]
"""Does what a command says; its payload may have more fields than every command has."""


class Commands:
    """Hands every command to whoever knows its action."""

    def __init__(
        self, bus: Bus, gateway: str, handlers: Mapping[str, Handler], metrics: Metrics
    ) -> None:
        self._handlers, self._metrics = handlers, metrics
        self._inbox = bus.subscribe(wire.gateway_topic(gateway, "command"))

    async def run(self) -> None:
        """Take commands, for ever."""
        while True:
            for delivery in await self._inbox.take():
                await self._take(delivery.message)
                delivery.ack()

    async def _take(self, message: Message) -> None:
        """Carry out one command; what nobody understands is said and counted."""
        try:
            if message.retain:
                raise MalformedData("it is retained: each connection would repeat it")
            action = wire.read(GatewayCommand, message.payload).action
            if action not in self._handlers:
                known = ", ".join(self._handlers) or "none"
                raise MalformedData(f"unknown action {action[:64]!r}; known: {known}")
            await self._handlers[action](message)
        except MalformedData as error:
            log.warning("ignored a command: %s", error)
            self._metrics.count("gateway_refused_total")

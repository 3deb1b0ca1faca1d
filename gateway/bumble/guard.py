"""A device whom no peer's garbage reaches.

Bumble parses what a peer sends where it receives packets, and lets every error of the
parser out there: into the transport, or into the event loop.
"""

import asyncio
import logging

from bumble.device import Device

LOG = logging.getLogger(__name__)


class GuardedDevice(Device):  # type: ignore[misc]
    """Bumble's device; who does not speak ATT is hung up on, and disturbs nobody."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self._hanging_up: set[asyncio.Future[None]] = set()

    async def refresh_resolving_list(self) -> None:
        """Keep the resolver that we were given."""

    def on_gatt_pdu(self, handle: int, pdu: bytes) -> None:
        """Take a packet of ATT, or what should be one."""
        try:
            super().on_gatt_pdu(handle, pdu)
        except Exception as error:  # whatever the parser tripped over
            self._refuse(handle, pdu, error)

    def _refuse(self, handle: int, pdu: bytes, error: Exception) -> None:
        """Hang up, unless that is done already."""
        link = self.lookup_connection(handle)
        if link is None:
            return
        LOG.info("%s does not speak ATT: %s: %r", link, pdu.hex(), error)
        task = asyncio.ensure_future(link.disconnect())
        self._hanging_up.add(task)
        task.add_done_callback(self._hung_up)

    def _hung_up(self, task: "asyncio.Future[None]") -> None:
        """Take note of the end; a link that was lost meanwhile is no error."""
        self._hanging_up.discard(task)
        if not task.cancelled():
            task.exception()

"""The GATT client whose indications are confirmed once they are stored.

Bumble's own client confirms every one as soon as its subscribers have been called.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bumble import att, gatt_client
from bumble.device import Connection

LOG = logging.getLogger(__name__)

Store = Callable[[bytearray], Awaitable[None]]


class ConfirmingClient(gatt_client.Client):  # type: ignore[misc]
    """Bumble's GATT client, but an indication is confirmed once it is stored."""

    def __init__(self, link: Connection, tasks: set[asyncio.Future[None]]) -> None:
        super().__init__(link)
        self.stores: dict[int, Store] = {}  # by handle of the value
        self._tasks = tasks  # outlive the link: what has begun to be stored is stored
        self._lost = False

    def on_disconnection(self, *arguments: object) -> None:
        """Note that nothing can be confirmed any more."""
        self._lost = True
        super().on_disconnection(*arguments)

    def on_att_handle_value_indication(
        self, indication: att.ATT_Handle_Value_Indication
    ) -> None:
        """Deliver a value; confirm it now, or when it is stored."""
        store = self.stores.get(indication.attribute_handle)
        if store is None:
            super().on_att_handle_value_indication(indication)
            return
        handle, value = indication.attribute_handle, indication.attribute_value
        for subscriber in list(self.indication_subscribers.get(handle, ())):
            if callable(subscriber):
                subscriber(value)
        task = asyncio.ensure_future(self._confirm(store, bytearray(value)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _confirm(self, store: Store, value: bytearray) -> None:
        """Confirm a value once it is stored; whatever goes wrong, do not."""
        try:
            await store(value)
        except Exception:
            LOG.exception("an indication could not be stored: it is not confirmed")
            return
        if not self._lost:
            self.send_confirmation(att.ATT_Handle_Value_Confirmation())

"""What a store does beside its writing: it drops what is too old, rolls what is due."""

import asyncio
import logging

from ingest.store import Store
from vitals import Unavailable
from vitals.clock import Clock

log = logging.getLogger(__name__)

EVERY_S = 5.0


async def run(store: Store, clock: Clock) -> None:
    """Tend the store, until cancelled."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await asyncio.to_thread(store.tend, clock())
        except Unavailable as error:
            # Whoever writes says so aloud, and goes on trying.
            log.debug("cannot tend the store: %s", error)

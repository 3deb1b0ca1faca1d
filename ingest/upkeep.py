"""What a store does beside its writing: it drops what is too old, rolls what is due."""

import asyncio
import logging

from ingest.store import Store
from ingest.threads import finish
from vitals import Unavailable
from vitals.clock import Clock

log = logging.getLogger(__name__)

EVERY_S = 5.0
MORE_S = 0.1  # when there may be more to do: writers come in between


async def run(store: Store, clock: Clock) -> None:
    """Tend the store, until cancelled."""
    more = False
    while True:
        await asyncio.sleep(MORE_S if more else EVERY_S)
        try:
            more = await finish(store.tend, clock())
        except Unavailable as error:
            # Whoever writes says so aloud, and goes on trying.
            log.debug("cannot tend the store: %s", error)
            more = False

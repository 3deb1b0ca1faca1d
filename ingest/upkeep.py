"""What a store does beside its writing: it drops what is too old, rolls what is due."""

import asyncio
import logging

from ingest.store import Store
from ingest.threads import finish
from vitals import Unavailable
from vitals.clock import Clock
from vitals.metrics import Metrics

log = logging.getLogger(__name__)

EVERY_S = 5.0
MORE_S = 0.1  # when there may be more to do: writers come in between
AGAIN_S = 60.0  # after what nobody expected


async def run(store: Store, clock: Clock, metrics: Metrics) -> None:
    """Tend the store, until cancelled; no failure of it stops who writes."""
    pause = EVERY_S
    while True:
        await asyncio.sleep(pause)
        try:
            pause = MORE_S if await finish(store.tend, clock()) else EVERY_S
            metrics.gauge("ingest_unreadable_records", store.unreadable)
        except Unavailable as error:
            # Whoever writes says so aloud, and goes on trying.
            log.debug("cannot tend the store: %s", error)
            pause = EVERY_S
        except Exception:
            log.exception("cannot tend the store; again in %d s", AGAIN_S)
            pause = AGAIN_S

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
LASTING = 12  # attempts in a row, a minute: then nobody else may have said so


async def run(store: Store, clock: Clock, metrics: Metrics) -> None:
    """Tend the store, until cancelled; no failure of it stops who writes."""
    pause, failed = EVERY_S, 0
    while True:
        await asyncio.sleep(pause)
        try:
            pause = MORE_S if await finish(store.tend, clock()) else EVERY_S
            metrics.gauge("ingest_unreadable_records", store.unreadable)
            if failed >= LASTING:
                log.warning("can tend the store again, after %d attempts", failed)
            failed = 0
        except Unavailable as error:
            # Whoever writes says so aloud; but it may be that nobody does, or can.
            failed += 1
            level = logging.WARNING if failed == LASTING else logging.DEBUG
            log.log(level, "cannot tend the store, will keep trying: %s", error)
            pause = EVERY_S
        except Exception:
            log.exception("cannot tend the store; again in %d s", AGAIN_S)
            pause = AGAIN_S

"""One ingest at a time on one data folder; the next stands by.

The broker gives a session to whoever came last, so two of one name would push each
other out.  The kernel keeps the turn, and takes it back from a process that is killed.
"""

import asyncio
import fcntl
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

log = logging.getLogger(__name__)

LOOK_S = 0.1


@asynccontextmanager
async def turn(path: Path) -> AsyncIterator[None]:
    """Wait until nobody else has the file's lock, and hold it for a block."""
    with path.open("ab") as file:
        waited = False
        while not _taken(file.fileno()):
            if not waited:
                log.info("another ingest has %s; standing by", path)
            waited = True
            await asyncio.sleep(LOOK_S)
        yield


def _taken(file: int) -> bool:
    """Take the lock if it is free."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

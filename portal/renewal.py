"""The board's open alerts, again and again from the alert engine's own book.

The bus alone is not enough: a broker can lose what it retained, and a closing can be
missed.  Without the broker the book still says what is open.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from portal.board import Board
from vitals.bus import Bus
from vitals.model import Alert

if TYPE_CHECKING:
    from alerts.history import AlertHistory

log = logging.getLogger(__name__)

RENEW_S = 30.0
SETTLE_S = 2.0  # in which a broker has told what it kept, also what is over by now
LOOK_S = 0.5  # how soon a new connection is seen
PAGE = 1000


async def renew(board: Board, bus: Bus, history: "AlertHistory") -> None:
    """Keep the board's open alerts those of the book, until cancelled."""
    now = asyncio.get_running_loop().time
    online, due = False, now()
    while True:
        came = bus.online.is_set() and not online
        online = bus.online.is_set()
        if came or now() >= due:
            await once(board, history)
            due = now() + (SETTLE_S if came else RENEW_S)
        await asyncio.sleep(LOOK_S)


async def once(board: Board, history: "AlertHistory") -> None:
    """Read the book now; while it cannot be read, the board says so."""
    board.begin_renewal()
    try:
        board.renew(await asyncio.to_thread(open_alerts, history))
    except Exception as error:  # whatever a file can raise means the same here
        board.seeded = False
        log.warning("cannot read the open alerts: %s", error)


def open_alerts(history: "AlertHistory") -> list[Alert] | None:
    """Give all open alerts; None of a book that is blank, because it says nothing.

    A blank book is a new house's, or lies on a machine where no alert engine runs.
    """
    found, more = history.alerts("open", None, None, PAGE)
    while more is not None:
        page, more = history.alerts("open", None, more, PAGE)
        found += page
    if not found and not history.alerts("all", None, None, 1)[0]:
        return None
    return found

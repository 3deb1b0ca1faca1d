"""What a start waits for: the plans that the broker keeps say who cares for whom.

Without them a call reaches all who are on call, not the patient's team.
"""

import asyncio
import logging
from collections.abc import Sequence

from vitals import wire
from vitals.bus import Delivery, Inbox
from vitals.errors import MalformedData
from vitals.model import Instant, StageStatus
from vitals.wire import Message

LOG = logging.getLogger(__name__)

OURS = wire.stage_topic("alerts")


async def gathered(inbox: Inbox, since: Instant, patience_s: float) -> list[Delivery]:
    """Give what has arrived once all that was retained has, or patience has ended.

    The broker sends what is retained before what is published later: our own first
    heartbeat comes back behind it.  Without a broker we go on: to tell too many is
    better than to tell nobody.

    Parameters
    ----------
    since
        The start: an earlier life's heartbeat, which is retained, is none of ours.
    """
    found: list[Delivery] = []
    if not patience_s:
        return found
    latest = Instant(since + round(patience_s * 1000))
    try:
        async with asyncio.timeout(patience_s):
            while not any(is_echo(one.message, since, latest) for one in found):
                found += await inbox.take()
    except TimeoutError:
        LOG.warning("plans may be missing after %s s: all may be told", patience_s)
    return found


def noted(messages: Sequence[Message]) -> str:
    """Give the ledger's head that an earlier life noted at the broker; "": none.

    The broker keeps one word, and gives it before the echo of our first.
    """
    words = [word for one in messages if (word := _word(one))]
    return words[-2].head if len(words) > 1 else ""


def is_echo(message: Message, since: Instant, latest: Instant) -> bool:
    """Tell whether a message is a heartbeat of ours, said in that time."""
    word = _word(message)
    return word is not None and since <= word.t <= latest


def _word(message: Message) -> StageStatus | None:
    """Read a heartbeat of ours; None: it is none."""
    if message.topic != OURS or not message.payload:
        return None
    try:
        return wire.read(StageStatus, message.payload)
    except MalformedData:
        return None


def parted(messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """Give the plans, and the others: who cares for whom counts before who is ill."""
    plans = [one for one in messages if one.topic.endswith("/plan")]
    return plans, [one for one in messages if not one.topic.endswith("/plan")]

"""How far the messages about an alert are, in one line on its card."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from alerts.history import Delivery
from portal.house import House
from portal.texts import Texts
from vitals.model import Alert

STATES: tuple[Literal["delivered", "pending", "failed"], ...] = (
    "delivered",
    "pending",
    "failed",
)  # what passed to another channel is counted there


async def said(house: House, alerts: Iterable[Alert], texts: Texts) -> dict[str, str]:
    """Give the line of each alert, by its id."""
    names = [alert.id for alert in alerts]

    def read() -> list[list[Delivery]]:
        return [house.alerts.deliveries(name) for name in names]

    found = await asyncio.to_thread(read)
    return {n: line(one, texts) for n, one in zip(names, found, strict=True)}


def line(found: Sequence[Delivery], texts: Texts) -> str:
    """Count what has arrived, what waits and what was given up."""
    counts = Counter(one.state for one in found)
    parts = [texts(f"messages.{s}", n=counts[s]) for s in STATES if counts[s]]
    return " · ".join(parts)

"""A patient's plan: read it, change it, and let everybody who obeys it know."""

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from portal.plan_log import Change
from vitals import wire
from vitals.model import Instant, Plan
from vitals.wire import Message

if TYPE_CHECKING:
    from portal.house import House


async def plan_of(house: "House", subject: str) -> Plan:
    """Give the plan in force: the newer of what is retained and what we logged."""
    logged = await asyncio.to_thread(house.people.plan, subject)
    return max(house.board.plan(subject) or Plan(), logged, key=lambda plan: plan.t)


async def change_plan(
    house: "House",
    subject: str,
    who: str,
    why: str,
    **fields: Any,  # noqa: ANN401
) -> Plan:
    """Set fields of a plan; the change is kept for ever before it takes effect.

    Nothing happens when nothing changes.
    """
    async with house.planning:
        old = await plan_of(house, subject)
        now = Instant(
            max(house.clock(), old.t + 1)
        )  # the newest wins, also within one ms
        new = replace(old, **fields, by=who, t=now)
        if replace(new, by=old.by, t=old.t) == old:
            return old
        change = Change(subject, who, now, old, new, why)
        await asyncio.to_thread(house.people.log_plan, change)
        house.board.plan_known(subject, new)
        topic = wire.of(subject, "plan")
        await house.bus.publish(Message(topic, wire.encode(new), retain=True))
        return new

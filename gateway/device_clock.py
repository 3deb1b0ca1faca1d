"""Looks at a wearable's clock, sets it, and looks again: "done" proves nothing."""

import logging

from gateway.link import Link
from gateway.policy import Policy
from gateway.timeline import RIGHT_MS, Timeline, ahead, zone_offset
from vitals import MalformedData
from vitals.clock import Clock
from vitals.gatt.current_time import CURRENT_TIME, EXTERNAL_UPDATE, CurrentTime
from vitals.metrics import Metrics

log = logging.getLogger(__name__)


class DeviceClock:
    """The clock of one wearable, over all of its links.

    Attributes
    ----------
    timeline
        What its stamps are worth.
    ahead_ms
        Of our clock, as last seen; None: it has no clock, or does not show it.
    """

    def __init__(
        self, device: str, policy: Policy, metrics: Metrics, clock: Clock
    ) -> None:
        self._device, self._policy = device, policy
        self._metrics, self._clock = metrics, clock
        self.timeline = Timeline()
        self.ahead_ms: int | None = None
        self._tried = False  # on this link

    async def look(self, link: Link) -> None:
        """See what the clock shows, before anything that it has stamped arrives."""
        self._tried = False
        self.ahead_ms = await self._ahead(link)
        if self.ahead_ms is None:
            self.timeline = Timeline()
        else:
            self.timeline = self.timeline.seen(self.ahead_ms)

    async def mend(self, link: Link) -> None:
        """Set the clock if it is wrong and ours is right; once on a link.

        To be done when what the wearable has stored is in: its stamps are of the
        clock as it was.
        """
        right = self.ahead_ms is not None and self.timeline.right
        if right or self._tried or not link.offers(CURRENT_TIME):
            return
        if not self._policy.synchronised(self._clock()):
            return
        self._tried = True
        offset_s = zone_offset(self._policy.zone, self._clock())
        time = CurrentTime.of(self._clock(), offset_s, EXTERNAL_UPDATE)
        if not await link.write(CURRENT_TIME, time.build()):
            return
        self._believe(await self._ahead(link))

    def _believe(self, ahead_ms: int | None) -> None:
        """Take the clock as it shows itself after we have set it."""
        if ahead_ms is None or abs(ahead_ms) > RIGHT_MS:
            log.warning("%s took the time, but its clock is wrong still", self._device)
            self._metrics.count("gateway_clocks_stubborn_total")
            return
        log.info("%s: its clock was %s ms off", self._device, self.ahead_ms)
        self._metrics.count("gateway_clocks_set_total")
        now = self._clock()
        if self.ahead_ms is None:
            self.timeline = Timeline(ahead_ms)
        else:
            self.timeline = self.timeline.set(now, ahead_ms)
        self.ahead_ms = ahead_ms

    async def _ahead(self, link: Link) -> int | None:
        """Read the clock; None: there is none, or it shows no time."""
        value = await link.read(CURRENT_TIME)
        if value is None or not self._policy.synchronised(self._clock()):
            return None
        try:
            said = CurrentTime.parse(value)
        except MalformedData as error:
            log.warning("%s: refused %s", self._device, error)
            self._metrics.count("gateway_malformed_total")
            return None
        now = self._clock()
        return ahead(said, now, zone_offset(self._policy.zone, now))

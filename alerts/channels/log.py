"""The channel that is always there: the log."""

import logging

from msgspec import json

from alerts.channels.notices import ALL_CLEAR, CALLS, Notice
from vitals.model import Alert

LOG = logging.getLogger(__name__)


class LogChannel:
    """The log: for the operator, without a name or a vital sign."""

    name = "log"
    hears = CALLS | ALL_CLEAR

    async def tell(self, notice: Notice) -> None:
        """Write one line."""
        alert = json.decode(notice.body, type=Alert)
        LOG.info(
            "alert %s %s %s %s", alert.id, alert.condition, alert.priority, alert.state
        )
        LOG.debug("alert %s of %s: %s", alert.id, alert.subject, alert.value)

    def close(self) -> None:
        """Nothing is ever under way."""

"""Ways to reach people; each returns once the other side has accepted a notice."""

from alerts.channels.log import LogChannel
from alerts.channels.notices import ALL_CLEAR, AT_ONCE, CALLS, SEEN, Channel, Notice
from alerts.channels.webhook import Webhook

__all__ = [
    "ALL_CLEAR",
    "AT_ONCE",
    "CALLS",
    "SEEN",
    "Channel",
    "LogChannel",
    "Notice",
    "Webhook",
]

"""Whether a channel tells people at all; that it does not is an alert.  Pure.

One that answers now and then is slow, not failing: what counts is a row of failures
that lasts.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from alerts.cases import Case
from vitals.model import HOUSE, Anomaly, Instant

CONDITION = "delivery_failing"
FAILING = 3  # failures in a row ... (OURS)
FAILING_MS = 20_000  # ... that have lasted for so long (OURS)


class Health:
    """How one channel does."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._since: Instant | None = None  # made, the first notice that was not told
        self._episode = ""  # its name, once the house knows: no clock moves it
        self._failures, self._began = 0, Instant(0)
        self._told = self._resumed = False

    def resume(self, since: Instant | None, known: Case | None = None) -> None:
        """Go on after a restart.

        Parameters
        ----------
        since
            Since when it has told nothing, as the outbox knows; None: it works.
        known
            What the house was told of it, and is not over.
        """
        self._since, self._resumed = since, since is not None
        if known:
            self._since, self._resumed = since or Instant(known.alert.since), True
            self._episode = next(iter(known.live.values()))

    def shift(self, by: int) -> None:
        """Let a row of failures be as long as it was: the clock has stepped."""
        self._began = Instant(self._began + by)
        self._since = None if self._since is None else Instant(self._since + by)

    def failed(self, created: Instant, now: Instant) -> Anomaly | None:
        """Take a failure to tell a notice; give what the house must know, if new."""
        if not self._failures:
            self._began = now
            self._since = created if self._since is None else self._since
        self._failures += 1
        lasts = now - self._began >= FAILING_MS
        if self._told or self._failures < FAILING or not lasts:
            return None
        self._told = True
        return self._news(now, over=False)

    def worked(self, now: Instant) -> Anomaly | None:
        """Take a success; give what the house must know, if new."""
        known = self._told or self._resumed
        news = self._news(now, over=True) if known else None
        self._since, self._episode, self._failures = None, "", 0
        self._told = self._resumed = False
        return news

    def _news(self, now: Instant, *, over: bool) -> Anomaly:
        """Give the anomaly of this row of failures."""
        name, since = self._channel, Instant(self._since or now)
        minutes = max(0, now - since) // 60_000
        english = f"Messages by {name} do not arrive, for {minutes} min."
        chinese = f"通道 {name} 的消息已有 {minutes} 分钟无法送达。"
        if over:
            english = f"Messages by {name} arrive again, after {minutes} min."
            chinese = f"通道 {name} 在 {minutes} 分钟后恢复送达。"
        self._episode = self._episode or f"delivery-{name}-{since}"
        text = english, chinese
        return _anomaly(name, self._episode, since, now, text, over=over)


def known(lying: Iterable[Case], channel: str) -> Case | None:
    """Find what the house was told of a channel, and is not over."""
    for case in lying:
        alert = case.alert
        ours = alert.condition == CONDITION and case.device == channel
        lasts = alert.state != "normal" and case.live
        if ours and lasts and not alert.evidence.get("final"):
            return case
    return None


def gone(channel: str, count: int, found: Instant, now: Instant) -> Anomaly:
    """Give what the house must know of calls that waited for a channel now removed.

    Nothing more will be heard of it: it ends when somebody has seen it.
    """
    english = f"{count} messages by {channel} reached nobody: it is configured no more."
    chinese = f"通道 {channel} 已从配置中移除，{count} 条消息未能送达任何人。"
    episode, text = f"delivery-{channel}-{found}", (english, chinese)
    news = _anomaly(channel, episode, found, now, text)
    return replace(news, evidence={**news.evidence, "final": True})


def removed(channel: str, episode: str, since: Instant, now: Instant) -> Anomaly:
    """Give the end of a row of failures of a channel that is there no more."""
    english = f"The channel {channel} is configured no more."
    chinese = f"通道 {channel} 已从配置中移除。"
    return _anomaly(channel, episode, since, now, (english, chinese), over=True)


def _anomaly(
    channel: str,
    episode: str,
    begin: Instant,
    now: Instant,
    text: tuple[str, str],
    over: bool = False,
) -> Anomaly:
    """Say how a channel does, in English and Chinese."""
    english, chinese = text
    return Anomaly(
        id=episode,
        subject=HOUSE,
        detector="delivery",
        condition=CONDITION,
        kind="technical",
        begin=begin,
        t=now,
        over=over,
        evidence={
            "device": channel,
            "kind": "channel",
            "text": english,
            "text_zh": chinese,
        },
    )

"""Whether the stages that must not stop are still heard.  Pure.

The alert engine cannot say that it is dead; somebody on another machine must notice.
Each stage says every `heartbeat.EVERY_S` that it works; whoever watches says so when
that word stays out, again while it lasts, and once more when it is over.
"""

from collections.abc import Iterable
from operator import itemgetter

from msgspec import Struct

from vitals.model import Instant, StageStatus

BROKER = "broker"  # what is silent when nobody at all is heard


class Word(Struct, frozen=True):
    """What somebody must be told: one JSON object."""

    what: str  # the stage that is silent, or "broker": then all are
    by: str  # who watches
    since: Instant  # when it was last heard; when we began, if never
    t: Instant
    over: bool
    text: str
    text_zh: str


class Watch:
    """The stages that are expected, and when each was last heard."""

    def __init__(
        self,
        by: str,
        stages: Iterable[str],
        silent_ms: int,
        again_ms: int,
        now: Instant,
        steady: int,
    ) -> None:
        """Begin to watch.

        Parameters
        ----------
        by : str
            The name of who watches.
        silent_ms, again_ms : int
            How long a stage may be silent, and how long between two words about it.
        now, steady : int
            ms since 1970, and of a clock that never steps.
        """
        self._by, self._silent, self._again = by, silent_ms, again_ms
        self._heard = dict.fromkeys(stages, (now, steady))
        self._status_t: dict[str, Instant] = {}
        self._told: dict[str, tuple[Instant, int]] = {}  # since when, and when we said
        self._deaf = steady - silent_ms  # when the broker was last out of reach

    def hear(self, stage: str, status: StageStatus, now: Instant, steady: int) -> None:
        """Take a stage's word.  One that the broker had kept is as old as it says."""
        if stage not in self._heard:
            return
        before = self._status_t.get(stage)
        self._status_t[stage] = Instant(status.t)
        kept = before is None or before == status.t
        age = max(0, now - status.t) if kept else 0
        if status.online:
            self._heard[stage] = Instant(now - age), steady - age

    def check(self, now: Instant, steady: int, *, online: bool) -> list[Word]:
        """Give what is to be said at this moment; `online`: we reach the broker.

        While we do not, nobody can be heard: it is the broker, and afterwards every
        stage has as long as ever to speak.
        """
        if not online:
            self._deaf = steady
        over = [w for w, (since, _) in self._told.items() if self._last(w)[0] != since]
        words = [self._over(what, now) for what in over]
        for what in self._silent_ones(steady, online=online):
            since = self._last(what)[0]
            _, said = self._told.get(what, (since, steady - self._again))
            if steady - said >= self._again:
                self._told[what] = since, steady
                words.append(self._word(what, since, now, over=False))
        return words

    def _silent_ones(self, steady: int, *, online: bool) -> list[str]:
        """Give who has been silent for too long; all together are the broker."""
        silent = [
            w for w, (_, at) in self._heard.items() if steady - at >= self._silent
        ]
        if len(silent) == len(self._heard) and (len(silent) > 1 or not online):
            return [BROKER]
        patient = online and steady - self._deaf >= self._silent
        return silent if patient else []

    def _last(self, what: str) -> tuple[Instant, int]:
        """Give when a stage, or anybody, was last heard."""
        if what == BROKER:
            return max(self._heard.values(), key=itemgetter(1))
        return self._heard[what]

    def _over(self, what: str, now: Instant) -> Word:
        since, _ = self._told.pop(what)
        return self._word(what, since, now, over=True)

    def _word(self, what: str, since: Instant, now: Instant, *, over: bool) -> Word:
        text, chinese = _sentences(what, (now - since) // 1000, over)
        return Word(what, self._by, since, now, over, text, chinese)


def _sentences(what: str, seconds: int, over: bool) -> tuple[str, str]:
    """Say it in plain words, English and Chinese."""
    minutes = max(1, round(seconds / 60))
    if over:
        return f"Vitals: {what} is heard again.", f"生命体征系统：{what} 已恢复。"
    if what == BROKER:
        return (
            f"Vitals: nothing has been heard from the server for {minutes} min. Nobody"
            " is alerted until it works again: look after the patients by other means,"
            " and see to the server.",
            f"生命体征系统：已有 {minutes} 分钟收不到服务器的任何消息。"
            "恢复之前不会有任何警报：请用其他方式照看患者，并检查服务器。",
        )
    return (
        f"Vitals: {what} has been silent for {minutes} min. Alerts may be missing until"
        " it works again: look after the patients by other means, and see to it.",
        f"生命体征系统：{what} 已有 {minutes} 分钟没有消息。"
        "恢复之前可能没有警报：请用其他方式照看患者，并检查该服务。",
    )

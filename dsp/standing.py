"""Episodes that are open, and detectors that a patient's plan has switched off."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from vitals.model import Anomaly, Instant

KEPT = "device", "kind", "session", "limit"  # of the evidence of what stands open

Found = list[tuple[int, Anomaly]]


class Standing:
    """What has begun and is not over, of all patients; what is off is not told of.

    A detector that is off goes on judging.  When it is switched on again, what is still
    open is told with its next word, under the id that it always had.
    """

    def __init__(self, standing: Iterable[Anomaly] = ()) -> None:
        self._open = {anomaly.id: anomaly for anomaly in standing}
        self._off: dict[str, frozenset[str]] = {}

    def heard(self, found: Found) -> Found:
        """Give what may be told of it, and remember what is open."""
        if self._off:
            found = [f for f in found if not self._is_off(f[1])]
        for _, anomaly in found:
            if anomaly.over:
                self._open.pop(anomaly.id, None)
            else:
                self._open[anomaly.id] = _brief(anomaly)
        return found

    def switch(
        self, subject: str, off: Sequence[str], at: Instant
    ) -> Iterator[Anomaly]:
        """Switch off these detectors and no others; end what they have left open."""
        self._off.pop(subject, None)
        if off:
            self._off[subject] = frozenset(off)
        for detector in sorted(set(off)):
            english = f"The detector {detector} has been switched off."
            words = english, f"检测器 {detector} 已关闭。"
            yield from self.end(subject, detector, at, words)

    def end(
        self, subject: str, detector: str, at: Instant, words: tuple[str, str]
    ) -> Iterator[Anomaly]:
        """End what a detector has left open, with a word."""
        mine = [
            a for a in self._open.values()
            if a.subject == subject and a.detector == detector
        ]  # fmt: skip
        for anomaly in mine:
            del self._open[anomaly.id]
            said = {**anomaly.evidence, "text": words[0], "text_zh": words[1]}
            t = Instant(max(anomaly.t, at))
            yield replace(anomaly, over=True, t=t, evidence=said)

    def save(self) -> list[Anomaly]:
        """Give what must survive a restart; plans are told again."""
        return list(self._open.values())

    def _is_off(self, anomaly: Anomaly) -> bool:
        return anomaly.detector in self._off.get(anomaly.subject, ())


def _brief(anomaly: Anomaly) -> Anomaly:
    """Give as much of an anomaly as its end needs."""
    kept = {key: anomaly.evidence[key] for key in KEPT if key in anomaly.evidence}
    return replace(anomaly, evidence=kept)

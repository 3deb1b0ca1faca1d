"""What a process counts about itself: counters, gauges and latencies.

One `Metrics` per process, handed to its stages; `/metrics` prints it as Prometheus
text.
"""

from collections import Counter, deque
from collections.abc import Iterable

KEEP = 2000  # latest latencies that quantiles are taken from; 32 octets each


class Metrics:
    """Counters, gauges and latencies by name; names are Prometheus metric names."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.gauges: dict[str, float] = {}
        self._seconds: dict[str, deque[float]] = {}
        self._sums: Counter[str] = Counter()

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter; its name ends in `_total`."""
        self.counters[name] += by

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge."""
        self.gauges[name] = value

    def observe(self, name: str, seconds: Iterable[float]) -> None:
        """Add latencies; their name ends in `_seconds`."""
        values = list(seconds)
        if not values:
            return
        self._seconds.setdefault(name, deque(maxlen=KEEP)).extend(values)
        self.counters[f"{name}_count"] += len(values)
        self._sums[name] += sum(values)  # type: ignore[assignment]

    def quantile(self, name: str, q: float) -> float | None:
        """Give a quantile of the latest latencies in seconds, or None without any."""
        recent = sorted(self._seconds.get(name, ()))
        return recent[min(len(recent) - 1, int(q * len(recent)))] if recent else None

    def text(self) -> str:
        """Print everything in Prometheus' text exposition format, version 0.0.4."""
        lines: list[str] = []
        for name, count in sorted(self.counters.items()):
            if not name.endswith("_seconds_count"):
                lines += [f"# TYPE vitals_{name} counter", f"vitals_{name} {count}"]
        for name, value in sorted(self.gauges.items()):
            # 15 digits: what is counted in millions must not be rounded.
            lines += [f"# TYPE vitals_{name} gauge", f"vitals_{name} {value:.15g}"]
        for name in sorted(self._sums):
            lines += self._summary(name)
        return "\n".join(lines) + "\n"

    def _summary(self, name: str) -> list[str]:
        """Print one latency."""
        quantiles = [
            f'vitals_{name}{{quantile="{q}"}} {self.quantile(name, q):.6f}'
            for q in (0.5, 0.9, 0.99)
        ]
        total = [
            f"vitals_{name}_sum {self._sums[name]:.6f}",
            f"vitals_{name}_count {self.counters[f'{name}_count']}",
        ]
        return [f"# TYPE vitals_{name} summary", *quantiles, *total]

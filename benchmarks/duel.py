"""Ours against a rival, turn by turn in one process, so that a busy machine is fair."""

import statistics
import timeit
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Duel:
    """One claim of speed: `ours` and `rival` do the same work."""

    claim: str
    ours: Callable[[], object]
    rival: Callable[[], object]
    same: Callable[[object, object], bool] = lambda a, b: a == b

    def run(self, rounds: int = 15, seconds: float = 0.05) -> dict[str, object]:
        """Give our time in us, and how many times as long the rival takes."""
        assert self.same(self.ours(), self.rival()), self.claim
        once = max(timeit.timeit(self.ours, number=1), 1e-9)
        loops = max(1, round(seconds / once / 10))
        pairs = [
            (
                timeit.timeit(self.ours, number=loops),
                timeit.timeit(self.rival, number=loops),
            )
            for _ in range(rounds)
        ]
        low, middle, high = statistics.quantiles([b / a for a, b in pairs], n=4)
        best = min(a for a, _ in pairs) / loops * 1e6
        return {
            "us": round(best, 2),
            "ratio": round(middle, 2),
            "quartiles": [round(low, 2), round(high, 2)],
        }

"""The slow twin of dsp.kernels.step, written from the definition, one object a signal.

It keeps whole lists where the kernel keeps a running number.
"""

from math import isnan, nan, sqrt

SIDES = ("low", "high", "unusually low", "unusually high")
FIELDS = ("bound", "night", "hold", "margin", "gap", "spread")
NIGHT, EXERCISE, PRESCRIBED = 1 << 61, 1 << 60, 1 << 59
CLEAR, SAY_AGAIN = 30_000, 60_000


class Side:
    """One side of a signal: what has been beyond, and what has come back."""

    def __init__(self, up):
        self.up = up
        self.seen = []  # of the candidate or episode: value, or None if missing
        self.run = []  # its good (t, x)
        self.back = []  # times of the latest stretch inside
        self.worst = None
        self.open = False
        self.said = None  # (t, worst)

    def missing(self):
        self.seen.append(None)

    def pause(self):
        if self.open:
            self.back = []
        else:
            self.run = []

    def take(self, t, x, bound, margin, hold, gap, silence):
        """Give "begin", "change", "end" or None."""
        sign = 1 if self.up else -1
        beyond = not isnan(bound) and sign * (x - bound) >= 0
        inside = isnan(bound) or sign * (x - bound) <= -margin
        if not self.open:
            if not beyond:
                self.run = []
                return None
            if not self.run or silence > gap:
                self.run, self.seen, self.worst = [], [], x
        self.run.append((t, x))
        self.seen.append(x)
        if beyond:
            self.worst = max(self.worst, x) if self.up else min(self.worst, x)
        if not self.open:
            if t - self.run[0][0] < hold:
                return None
            self.open, self.said, self.back = True, (t, self.worst), []
            return "begin"
        if not inside:
            self.back = []
            return self.still(t) if beyond else None
        if silence > gap:
            self.back = []
        self.back.append(t)
        if t - self.back[0] < min(hold, CLEAR):
            return None
        self.open = False
        return "end"

    def still(self, t):
        then, said = self.said
        grown = self.worst != said and abs(self.worst - said) >= 0.05 * abs(said)
        if not grown and t - then < SAY_AGAIN:
            return None
        self.said = t, self.worst
        return "change"

    def event(self, i, side, what, bound, mean, recent):
        good = sum(value is not None for value in self.seen)
        begin = self.run[0][0]
        if what == "end":
            self.run = []
        return (
            (i, side, what, begin, self.worst, bound, mean, good, len(self.seen)),
            tuple(recent[-10:]),
        )


class Signal:
    """One signal of one patient."""

    def __init__(self, bounds, night, holds, margin, gap, spread, rules):
        self.bounds, self.night = bounds, night
        self.holds, self.margin = holds, margin
        self.gap, self.spread, self.rules = gap, spread, rules
        self.sides = [Side(up=False), Side(up=True), Side(up=False), Side(up=True)]
        self.recent = []
        self.mean, self.var, self.learned, self.span = nan, 0.0, 0, 0

    def take(self, i, t, x, bad, q):
        if isnan(x) or bad:
            for side in self.sides:
                side.missing()
            return []
        silence = t - self.recent[-1][0] if self.recent else 1 << 62
        if silence <= 0:
            return []
        self.recent.append((t, x))
        said = []
        for n in range(2):
            hold = self.holds[n]
            bound = (self.night if q & NIGHT else self.bounds)[n]
            side = self.sides[n]
            if n == 1 and q & PRESCRIBED:
                side.pause()
            elif what := side.take(t, x, bound, self.margin, hold, self.gap, silence):
                said.append(side.event(i, n, what, bound, self.mean, self.recent))
        if q & EXERCISE:
            for side in self.sides[2:]:
                side.pause()
        elif not isnan(self.spread):
            said += self.compare(i, t, x, silence)
        return said

    def compare(self, i, t, x, silence):
        low, high, *usual = self.sides
        if low.open or high.open:
            ended = [(n, side) for n, side in enumerate(usual, 2) if side.open]
            said = [s.event(i, n, "end", nan, self.mean, self.recent) for n, s in ended]
            for side in usual:
                side.open, side.run = False, []
            return said
        if low.run or high.run:
            return []
        said = []
        rules = self.rules
        gap = self.gap
        sd = max(sqrt(self.var), self.spread)
        if self.learned >= rules.warm_count and self.span >= rules.warm_span:
            far, hold = rules.z * sd, rules.unusual_hold
            for n, side in enumerate(usual, 2):
                bound = self.mean + far if side.up else self.mean - far
                if what := side.take(t, x, bound, far / 2, hold, gap, silence):
                    said.append(side.event(i, n, what, bound, self.mean, self.recent))
        if not self.learned:
            self.mean = x
        elif silence <= gap:
            self.span += silence
        self.learned += 1
        weight = 1.0 / min(self.learned, rules.memory)
        delta = min(max(x - self.mean, -3.0 * sd), 3.0 * sd)
        self.mean += weight * delta
        self.var = (1.0 - weight) * (self.var + weight * (delta * delta))
        return said


def step(signals, rules, patients, columns, times, values, qualities):
    """Take samples; give events.  `signals` is a dict that keeps the state."""
    said = []
    samples = zip(patients, columns, times, values, qualities, strict=True)
    for i, (p, k, t, x, q) in enumerate(samples):
        if (p, k) not in signals:
            signals[p, k] = Signal(
                *(rules.table[p, k][f].tolist() for f in FIELDS), rules.settings
            )
        said += signals[p, k].take(i, t, x, bool(q & rules.settings.bad), q)
    return said

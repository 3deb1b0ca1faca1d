"""The slow twin of dsp.kernels.trends: whole lists, one object a signal."""

from math import isnan, sqrt

POINTS = 16
REWIND, NIGHT = 1 << 62, 1 << 61


class Trend:
    """One signal of one patient."""

    def __init__(self, held, bounds, nights):
        self.held, self.bounds, self.nights = held, bounds, nights
        self.means = []  # (t, x)
        self.stretch, self.start, self.last = [], None, None
        self.run, self.open = [0] * 4, [None] * 4

    def take(self, i, t, x, q):
        if isnan(x) or q & 3:
            return []
        held = self.held
        if q & REWIND or (self.last is not None and t - self.last > held["gap"]):
            self.means, self.stretch, self.run = [], [], [0] * 4
            self.last = None if q & REWIND else self.last
        if self.last is not None and t <= self.last:
            return []
        said = []
        start = t - t % held["width"] if held["width"] else t
        bounds = self.nights if q & NIGHT else self.bounds
        if self.stretch and start != self.start:
            said += self.close(i, t, bounds)
        self.start, self.last = start, t
        self.stretch.append((t, x))
        if not held["width"]:
            said += self.close(i, t, bounds)
        return said

    def close(self, i, t, bounds):
        n = len(self.stretch)
        middle = self.start + sum(m - self.start for m, _ in self.stretch) // n
        self.means.append((middle, sum(x for _, x in self.stretch) / n))
        self.stretch = []
        said = []
        latest = self.means[-POINTS:]
        if len(latest) >= self.held["least"] and self.held["horizon"] > 0:
            for side in range(2):
                said += self.turn(i, t, side, *self.ahead(latest, side, bounds))
        if len(latest) >= 2 and not isnan(self.held["by"]):
            for side in (2, 3):
                said += self.turn(i, t, side, *self.pace(latest, side))
        return said

    def line(self, latest):
        n, (now, _) = len(latest), latest[-1]
        times = [float(t - now) for t, _ in latest]
        mx, my = sum(times) / n, sum(x for _, x in latest) / n
        sxx = sum((t - mx) * (t - mx) for t in times)
        pairs = zip(times, latest, strict=True)
        sxy = sum((t - mx) * (x - my) for t, (_, x) in pairs)
        return sxy / sxx, mx, my, sxx, times

    def ahead(self, latest, side, bounds):
        n, newest, bound = len(latest), latest[-1][1], bounds[side]
        slope, mx, my, sxx, times = self.line(latest)
        rest = [
            x - my - slope * (t - mx) for t, (_, x) in zip(times, latest, strict=True)
        ]
        spread = max(sqrt(sum(r * r for r in rest) / (n - 2)), self.held["noise"])
        h = float(self.held["horizon"])
        apart = h - mx
        band = self.held["z"] * spread * sqrt(1.0 + 1.0 / n + apart * apart / sxx)
        expected = my - slope * mx + slope * h
        sign = 1.0 if side else -1.0
        short = sign * (bound - newest) > 0
        goes_on = sign * (self.line(latest[-5:])[0] - 0.5 * slope) >= 0
        middle = 0.5 * (bounds[0] + bounds[1])
        leaves = not any(sign * (x - middle) < 0 for _, x in latest[-5:])
        says = short and goes_on and leaves and sign * (expected - bound) - band >= 0
        stays = short and sign * (expected - bound) >= 0
        return says, stays, expected, self.held["confirm"]

    def pace(self, latest, side):
        sign = 1.0 if side == 3 else -1.0
        now, newest = latest[-1]
        changes = [
            sign * (newest - x)
            for t, x in latest[:-1]
            if now - t <= self.held["within"]
        ]
        most, by = max([0.0, *changes]), self.held["by"]
        return most >= by, most >= 0.5 * by, sign * most, 1

    def turn(self, i, t, side, says, stays, value, confirm):
        self.run[side] = self.run[side] + 1 if says else 0
        if self.open[side] is None and self.run[side] >= confirm:
            self.open[side] = t
            return [(i, side, 1, t, value)]
        if self.open[side] is not None and not stays:
            begin, self.open[side] = self.open[side], None
            return [(i, side, 3, begin, value)]
        return []

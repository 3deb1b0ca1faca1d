"""Slow twins of the kernels of a heart and of decline, from their definitions.

Whole lists, recomputed for every beat, where the kernels keep running numbers.
"""

from collections import Counter
from math import exp, inf, isnan, log, log1p, nan, sqrt
from statistics import stdev

from dsp.decline import NEWS2

NORMAL, ECTOPIC, MISSED, EXTRA, ARTEFACT = range(5)
AROUND, LONG, SHORT, DOUBTS, NN = 5, 112, 56, 64, 128


def middle(values):
    return sorted(values)[len(values) // 2]


def deviation(values, median):
    """The k-th smallest distance from the median, k half of their number."""
    return sorted(abs(x - median) for x in values)[len(values) // 2]


def gate(rr, g):  # noqa: C901 (one rule after the other, as they are written down)
    """Give flags, medians and what the rhythm takes, of all but the last AROUND."""
    flags, medians, smooth = [], [], []
    half, pair, run, usual, trained, base = False, 0.0, 0, 0.0, 0, 0.0
    for i in range(len(rr) - AROUND):
        x, after = rr[i], rr[i + 1]
        window = rr[max(0, i - AROUND) : i + AROUND + 1]
        median = middle(window)
        mad = deviation(window, median)
        prior = rr[i - 1] if i else median
        before = flags[-1] if flags else NORMAL
        second, slight = half, g.short * median
        split = mad < g.calm * median and max(x, after) < 0.85 * median
        early = x < prior - 0.6 * slight and after > x + 2 * slight
        if half:
            flag, half = EXTRA, False
        elif x < g.least or x > g.most:
            flag = ARTEFACT
        elif x > (1 + g.long) * median and before != ECTOPIC:
            flag = MISSED
        elif split and abs(x + after - median) < g.whole * median:
            flag, half = EXTRA, True
        elif median - x > max(slight, g.spread * 1.4826 * mad) or (
            early and after > median + 0.5 * slight and i > 0
        ):
            flag = ECTOPIC
        else:
            flag = NORMAL
        if run and x < g.leave * base and run < g.longest:
            run += 1
            flag = flag or ECTOPIC
        elif run:
            run = 0
        elif trained >= 8 and x < g.enter * min(usual, prior) and x < g.fast:
            run, base = 1, usual
            flag = flag or ECTOPIC
        if not run and flag == NORMAL:
            trained += 1
            usual += (x - usual) / min(trained, 16)
        then = rr[i + 2]
        short, late = median - x, after - median
        pause = (
            short > slight
            and late > 2 / 3 * g.short * median  # in this order: it can be a tie
            and abs(late - short) < g.whole * median
            and abs(then - median) < slight
        )
        if flag == EXTRA:
            smooth.append(prior + x if second else 0.0)
        elif flag == ARTEFACT:
            smooth.append(0.0)
        elif flag == MISSED:
            smooth.append(median)
        elif pair:
            smooth.append(pair)
            pair = 0.0
        elif pause:
            pair = median
            smooth.append(median)
        else:
            smooth.append(x)
        flags.append(flag)
        medians.append(median)
    return flags, medians, smooth


def rolling(rr, flags, medians, lost=()):
    """Give (rmssd, sdnn, pnn50, mean rate) after each judged interval.

    A normal interval lies between two normal beats; before those of `lost` beats were
    lost, and nothing is known of what was before the first.
    """
    taken, found, half = [], [], False  # (interval, its predecessor or None)
    prior = None
    for i, (flag, median) in enumerate(zip(flags, medians, strict=True)):
        fresh = []
        alone = i == 0 or i in lost
        behind = alone or flags[i - 1] in (ECTOPIC, ARTEFACT)
        prior = None if alone else prior
        if behind and flag != EXTRA:
            prior = None
        elif flag == NORMAL:
            fresh = [rr[i]]
        elif flag == MISSED:
            n = max(1, round(rr[i] / median))
            fresh = [rr[i] / n] * n
        elif flag == EXTRA:
            fresh = [rr[i - 1] + rr[i]] if half else []
        else:
            prior = None
        half = flag == EXTRA and not half
        for x in fresh:
            taken.append((x, prior))
            prior = x
        window = taken[-NN:]
        steps = [x - y for x, y in window if y is not None]
        values = [x for x, _ in window]
        found.append(
            (
                sqrt(sum(d * d for d in steps) / len(steps)) if steps else nan,
                stdev(values) if len(values) > 1 else nan,
                sum(abs(d) > 50 for d in steps) / len(steps) if steps else nan,
                60_000 * len(values) / sum(values) if values else nan,
            )
        )
    return found


def entropy(rates, size):
    n = min(len(rates), size)
    if n < 8:
        return 0.0
    total = 0.0
    for shift in (0.0, 3.0):
        symbols = [min(int((rate + shift) / 6), 30) for rate in rates]
        words = [tuple(([0, 0, *symbols])[k : k + 3]) for k in range(len(symbols))]
        counts = Counter(words[-n:]).values()
        total += len(counts) * -sum(c / n * log(c / n) for c in counts)
    return total / (n * log(n)) / (1.41 - 0.0026 * n)


def evidence(flags, smooth, r):
    """Give the evidence of irregularity after each judged interval."""
    rates, found = [], []
    for i, x in enumerate(smooth):
        if x > 0:
            rates.append(60_000 / x)
        latest = flags[max(0, i - DOUBTS + 1) : i + 1]
        doubt = sum(f != NORMAL for f in latest) / len(latest)
        young = 1 - min(len(rates), LONG) / LONG
        both = 0.5 * (entropy(rates, LONG) + entropy(rates, SHORT))
        found.append(both / (1 + r.young * young) - young * r.doubt * doubt)
    return found


def sample_entropy(x, m, r):
    def matches(length):
        templates = [x[i : i + length] for i in range(len(x) - m)]
        return sum(
            max(abs(a - b) for a, b in zip(one, other, strict=True)) <= r
            for k, one in enumerate(templates)
            for other in templates[k + 1 :]
        )

    return -log(matches(m + 1) / matches(m))


def points(sign, x):
    scaled = round(x / sign.round_to)
    return sign.points[sum(scaled >= round(e / sign.round_to) for e in sign.edges)]


def decline(rows, w):
    """Give the score after each hour's row of values."""
    count = len(NEWS2)
    latest, at = [nan] * count, [-inf] * count
    mean, var, n, sums = [0.0] * count, [0.0] * count, [0] * count, [0.0] * count
    score, found = None, []
    for hour, row in enumerate(rows):
        low = 0.0
        for k, (sign, x) in enumerate(zip(NEWS2, row, strict=True)):
            if not isnan(x):
                if not n[k]:
                    mean[k], var[k] = (sign.mean + x) / 2, sign.spread**2
                spread = max(sqrt(var[k]), w.least * sign.spread)
                away = x - mean[k]
                z = abs(away) / spread if not sign.worse else sign.worse * away / spread
                z = min(max(z, w.clip_low), w.clip_high)
                sums[k] = max(0.0, w.fade * sums[k] + z - w.slack)
                n[k] += 1
                if abs(away) < w.still * spread:
                    mean[k] += max(w.slow, 1 / (n[k] + 1)) * away
                    var[k] += w.var * (away * away - var[k])
                latest[k], at[k] = x, hour
            if hour - at[k] <= sign.keep_h:
                low += points(sign, latest[k])
        young = 1 - w.young * exp(-hour / w.known)
        raw = (low + w.weight * sum(log1p(s) for s in sums)) * young
        score = raw if score is None else score + w.fresh * (raw - score)
        found.append(score)
    return found

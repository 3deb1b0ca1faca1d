"""Slow twins of the cores of rare readings, written straight from the definitions."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


def second(good, i, bounds, again, wait):
    """Give the reading that answers the i-th, and whether it is high too."""
    for j in range(i + 1, len(good)):
        t, systolic, diastolic, _ = good[j]
        if t > good[i][0] + wait:
            break
        high = systolic >= bounds[0] or diastolic >= bounds[1]
        if not high or t >= good[i][0] + again:
            return j, high
    return None, None


def crisis(readings, bounds=(180, 120), again=60_000, wait=600_000):
    """Give (what, over, t) from all of [t, sys, dia, good], looking ahead at will."""
    said, good, i = [], [r for r in readings if r[3]], 0
    while i < len(good):
        begin, systolic, diastolic, _ = good[i]
        if systolic < bounds[0] and diastolic < bounds[1]:
            i += 1
            continue
        said.append(("pending", False, begin))
        j, high = second(good, i, bounds, again, wait)
        if j is None and readings[-1][0] <= begin + wait:
            return said
        t = begin + wait if j is None else good[j][0]
        later = [k for k, r in enumerate(good) if r[0] > t]
        i = later[0] if later else len(good)
        if high is False:
            said.append(("pending", True, t))
            continue
        said += [("crisis", False, t), ("pending", True, t)]
        calm = [k for k in later if good[k][1] <= 176 and good[k][2] <= 117]
        if not calm:
            return said
        said.append(("crisis", True, good[calm[0]][0]))
        i = calm[0] + 1
    return said


def fever(readings, bounds, margin=0.3, ceiling=38.5):
    """Give (over, t) from all of [t, temp or None, site], none of them of a patch."""
    said, on, hot = [], False, False
    for t, temp, site in readings:
        if temp is None or site not in bounds:
            continue
        if on:
            if round(10 * temp) <= round(10 * bounds[site]) - round(10 * margin):
                said, on = [*said, (True, t)], False
            continue
        if temp >= ceiling:
            hot = True
        elif round(10 * temp) <= round(10 * ceiling) - 3:
            hot = False
        if not hot and temp >= bounds[site]:
            said, on = [*said, (False, t)], True
    return said


def minutes(t, zone):
    """Give the day and the minute that a clock on a wall shows."""
    local = datetime.fromtimestamp(t / 1000, ZoneInfo(zone))
    return local.date(), local.hour * 60 + local.minute


def windows(schedule, zone, readings):
    """Give the times of the readings by (day from 0, part)."""
    found, (first, _) = {}, minutes(schedule.begin, zone)
    for t in readings:
        day, minute = minutes(t, zone)
        for part, (since, until) in enumerate((schedule.morning, schedule.evening)):
            if since <= minute <= until and 0 <= (day - first).days < schedule.days:
                found.setdefault(((day - first).days, part), []).append(t)
    return found


def missed(schedule, zone, readings, now):
    """Give (over, t) of readings in the order of their times, up to `now`."""
    found, (first, _) = windows(schedule, zone, readings), minutes(schedule.begin, zone)
    events, last = [], 0
    for day in range(schedule.days):
        for part, until in enumerate((schedule.morning[1], schedule.evening[1])):
            date = first + timedelta(days=day)
            wall = datetime(date.year, date.month, date.day, tzinfo=ZoneInfo(zone))
            wall = wall.replace(hour=until // 60, minute=until % 60)
            end = int(wall.timestamp() * 1000) + 60_000
            taken, last = found.get((day, part), []), end
            if len(taken) >= schedule.readings:
                events.append((sorted(taken)[schedule.readings - 1], "done"))
            elif end <= now:
                events.append((end, "missed"))
    events += [(t, "done") for t in readings if t >= last]  # nothing can come any more
    said, on = [], False
    for t, what in sorted(events):
        if what == "missed":
            said.append((False, t))
        elif on:
            said.append((True, t))
        on = what == "missed"
    return said

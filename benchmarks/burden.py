"""python -m benchmarks.burden: how often a clinician is called by all detectors.

Records go through the live stage and the alert rules (`vitals.cli.rehearsal`): CinC
2019 B (hourly, in hospital), Welltory at home, and a simulated quiet week.  A call is
an alert that opens, worsens, relapses, or lasts for longer than its acknowledgement
holds ("reminders"), somebody acknowledging it after a quarter of an hour; those of low
priority, and those that people have seen, stand on the list and call nobody, and are
counted apart.  A patient-day at home is a day with at least one measurement.  What is
called after a patient's last record is not counted: its days are not, either.

An hourly chart is no stream: in hospital no device is silent.  Another operating point
is measured with `--config`.
"""

import argparse
import json
from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from benchmarks import recordings, results
from firmware_sim.physiology import Heart, Person
from vitals import (
    BloodPressure,
    BodyTemperature,
    HeartRate,
    OxygenSaturation,
    Reading,
    config,
)
from vitals.cli.rehearsal import Rehearsal, blocks
from vitals.simulation import Course

HOUR, DAY = 3_600_000, 86_400_000
BEGIN = 1_763_683_200_000  # 2025-11-21T00:00Z
STREAMS = "heart_rate", "body_temperature", "oxygen_saturation"
BEFORE, AFTER = 12, 3  # hours around the onset of sepsis that an alert is of use in


def hospital(limit):
    """Give CinC 2019 B hour by hour: records, patient-days, and each onset."""
    with np.load(recordings.folder() / "cinc2019b_vitals.npz") as data:
        raw, offset, sepsis = (data[k] for k in ("vitals_x50", "offset", "sepsis"))
    values = np.where(raw == -32768, np.nan, raw / 50.0)
    patients = min(limit or len(offset) - 1, len(offset) - 1)
    lengths = np.diff(offset)[:patients]
    onsets = {}
    for n in range(patients):
        own = sepsis[offset[n] : offset[n + 1]]
        if own.any():  # the label begins six hours before
            onsets[f"p-{n}"] = BEGIN + (int(own.argmax()) + 6) * HOUR

    def readings():
        for hour in range(int(lengths.max())):
            for n in np.flatnonzero(lengths > hour).tolist():
                yield from _charted(f"p-{n}", hour, values[offset[n] + hour])

    return readings(), float(lengths.sum()) / 24, onsets


def _charted(subject, hour, row):
    """Give the records of one line of a chart."""
    t = BEGIN + hour * HOUR
    hr, spo2, temp, high, mean, low, _ = (None if v != v else float(v) for v in row)
    common = {"t": t, "received": t + 1000}
    if hr is not None:
        yield Reading(subject, "strap", HeartRate(hr=hr, **common))
    if high is not None or low is not None or mean is not None:
        cuff = BloodPressure(sys=high, dia=low, map=mean, **common)
        yield Reading(subject, "cuff", cuff)
    if temp is not None:
        yield Reading(subject, "thermometer", BodyTemperature(temp=temp, **common))
    if spo2 is not None:
        yield Reading(subject, "oximeter", OxygenSaturation(spo2=spo2, **common))


def home():
    """Give Welltory's users: beats and blood pressures in the order of their times."""
    with np.load(recordings.folder() / "welltory_home.npz") as data:
        found = [
            *_series(data["user"], data["t"], data["offset"], data["rr_ms"]),
            *_cuffs(data["bp_user"], data["bp_t"], data["sys"], data["dia"]),
        ]
    found.sort(key=lambda one: one.record.t)
    days = {(one.subject, one.record.t // DAY) for one in found}
    return iter(found), len(days), {}


def _series(users, times, offset, rr):
    for n, (user, t) in enumerate(zip(users, times, strict=True)):
        beats = rr[offset[n] : offset[n + 1]].astype(float)
        at = int(t) * 1000 + np.cumsum(beats).astype(int)
        for when, beat in zip(at.tolist(), beats.tolist(), strict=True):
            record = HeartRate(t=when, hr=round(60_000 / beat), rr=(beat,))
            yield Reading(_name(user), "strap", record)


def _cuffs(users, times, high, low):
    for user, t, a, b in zip(users, times, high, low, strict=True):
        record = BloodPressure(t=int(t) * 1000, sys=float(a), dia=float(b))
        yield Reading(_name(user), "cuff", record)


def _name(user):
    return "u-" + str(user).lower()


def quiet(people):
    """Give a week of people who are well: a strap for two hours with a walk, spots."""
    found = []
    for n in range(people):
        for day in range(7):
            found += _day(f"p-{n}", n, day)
    found.sort(key=lambda one: one.record.t)
    return iter(found), 7 * people, {}


def _day(subject, seed, day):
    """Give the records of one quiet day."""
    walk = Course(at_s=3600, for_s=1200, state="activity")
    person = Person(seed * 7 + day, (walk,), hour=8.0)
    heart, begin = Heart(person), BEGIN + day * DAY + 8 * HOUR
    for s in range(7200):
        t, beats = begin + s * 1000, tuple(heart.elapse(1.0, float(s)))
        hr = round(person.at(float(s)).hr)
        yield Reading(subject, "strap", HeartRate(t=t, hr=hr, rr=beats))
    for s in (0, 60, 12 * 3600, 12 * 3600 + 60):
        body, t = person.at(float(s)), begin + s * 1000
        pressure = BloodPressure(t=t, sys=round(body.sys), dia=round(body.dia))
        yield Reading(subject, "cuff", pressure)
    warm = BodyTemperature(t=begin, temp=round(person.at(0.0).temp, 1), site="ear")
    yield Reading(subject, "thermometer", warm)


def charted(settings):
    """Give the settings of records that are spot readings, whatever their kind."""
    never = dict.fromkeys(settings.dsp.silence_s, 0.0) | dict.fromkeys(STREAMS, 0.0)
    return replace(settings, dsp=replace(settings.dsp, silence_s=never))


def measure(settings, readings, days, onsets):
    """Live through the records; give how often people were called."""
    rehearsal, last = Rehearsal(settings, {}), {}
    for block in blocks(readings):
        rehearsal.take(block)
        last.update((one.subject, one.record.t) for one in block)
    found = [one for one in rehearsal.found if one.alert.t <= last[one.alert.subject]]
    calls = [one.alert for one in found if one.calls]
    listed = [one.alert for one in found if not one.calls]
    reminders = [one for one in found if one.calls and one.why == "expire"]
    figures = {
        "patient_days": round(days, 1),
        "calls_per_patient_day": round(len(calls) / days, 3),
        "reminders_per_patient_day": round(len(reminders) / days, 3),
        "listed_per_patient_day": round(len(listed) / days, 3),
        "calls": dict(Counter(one.condition for one in calls).most_common()),
        "listed": dict(Counter(one.condition for one in listed).most_common()),
    }
    if onsets:
        figures["sepsis_called_pct"] = round(100 * _useful(calls, onsets), 1)
    return figures


def _useful(calls, onsets):
    """Give the share of onsets that somebody was called for in time."""
    mine = groupby(sorted(calls, key=lambda a: a.subject), key=lambda a: a.subject)
    when = {subject: [a.t for a in alerts] for subject, alerts in mine}
    hits = sum(
        any(-BEFORE * HOUR <= t - onset <= AFTER * HOUR for t in when.get(who, ()))
        for who, onset in onsets.items()
    )
    return hits / len(onsets)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, help="of the hospital; else all")
    parser.add_argument("--people", type=int, default=100, help="of the quiet week")
    parser.add_argument("--config", type=Path, help="a vitals.toml; nothing is kept")
    parser.add_argument("sides", nargs="*", help="quiet_week hospital home; else all")
    chosen = parser.parse_args()
    settings = config.load(chosen.config) if chosen.config else config.Config()
    sides = {"quiet_week": lambda: (settings, *quiet(chosen.people))}
    if recordings.folder():
        ward = charted(settings)
        sides["hospital"] = lambda: (ward, *hospital(chosen.patients))
        sides["home"] = lambda: (settings, *home())
    figures = results.saved("burden") if chosen.sides else {}
    for name in chosen.sides or sides:
        figures[name] = measure(*sides[name]())
        print(name, json.dumps(figures[name], indent=1), flush=True)
    if not chosen.config:
        results.save("burden", figures)


if __name__ == "__main__":
    main()

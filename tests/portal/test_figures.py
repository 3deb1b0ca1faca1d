import asyncio
import re

import pytest

from portal.figures import figures
from portal.targets import by_day, by_night, in_force
from portal.texts import Texts
from vitals.codes import Kind, Metric
from vitals.model import BodyTemperature, HeartRate, Limit, Plan, Reading

MINUTE = 60_000
KINDS = (Kind.HEART_RATE, Kind.BODY_TEMPERATURE)


def beats(now, begin_ms, end_ms=0):
    return [
        Reading("p-1", "strap-1", HeartRate(t=t, hr=70 + t // 1000 % 4))
        for t in range(now - begin_ms, now - end_ms, 1000)
    ]


def drawn(place, readings, span="1h"):
    place.store.write(readings)
    return asyncio.run(figures(place.house, "p-1", KINDS, span, Texts("en")))


def mean(figure):
    path = re.search(r'class="mean" d="([^"]*)"', figure.svg).group(1)
    return path.count("M"), [float(x) for x in re.findall(r"[ML]([\d.]+) ", path)]


@pytest.mark.parametrize(
    ("seconds", "leftmost"),
    [(30, 750), (90, 250), (120, 0), (600, 0), (3500, 0), (5400, 0)],
)
def test_a_new_patients_hour_begins_with_their_first_record(place, seconds, leftmost):
    figure, _ = drawn(place, beats(place.clock(), seconds * 1000))
    runs, xs = mean(figure)
    assert runs == 1
    assert leftmost - 45 <= xs[0] <= leftmost
    assert xs[-1] > 940
    assert len(re.findall(r">\d\d:\d\d<", figure.svg)) in range(1, 5)


def test_all_charts_of_a_patient_share_their_time_axis(place):
    now = place.clock()
    warm = Reading("p-1", "patch", BodyTemperature(t=now - 40 * MINUTE, temp=36.6))
    heart, temperature = drawn(place, [warm, *beats(now, 20 * MINUTE)])
    assert mean(temperature)[1][0] == 0
    assert mean(heart)[1][0] == pytest.approx(500, abs=10)
    labels = [re.findall(r">\d\d:\d\d<", f.svg) for f in (heart, temperature)]
    assert labels[0] == labels[1]


@pytest.mark.parametrize("span", ["24h", "7d", "30d"])
def test_longer_spans_are_shown_whole(place, span):
    figure, _ = drawn(place, beats(place.clock(), 10 * MINUTE), span)
    assert mean(figure)[1][0] > 980


def test_a_measurement_on_a_short_axis_stands_at_its_second(place):
    now = place.clock()
    warm = [BodyTemperature(t=now - s * 1000, temp=36.6) for s in (90, 63)]
    readings = [Reading("p-1", "patch", record) for record in warm]
    _, temperature = drawn(place, readings)
    assert mean(temperature)[1] == pytest.approx([250, 475], abs=9)


def test_a_short_chart_shows_a_band_and_a_short_silence(place):
    now = place.clock()
    found = beats(now, 110_000, 60_000) + beats(now, 30_000)
    figure, _ = drawn(place, found)
    assert mean(figure)[0] == 2
    assert len(mean(figure)[1]) < 30  # not a point for each heart beat


def test_a_chart_shows_the_house_s_limits_and_the_patient_s_own_over_them():
    house = {"heart_rate": Limit(low=45, high=120, night_high=100)}
    plain = in_force(Plan(), house)
    assert by_day(plain, Metric.HEART_RATE) == (45, 120)
    assert by_night(plain, Metric.HEART_RATE) == (45, 100)
    own = in_force(Plan(limits={"heart_rate": Limit(high=130)}), house)
    assert by_day(own, Metric.HEART_RATE) == (45, 130)
    assert by_night(own, Metric.HEART_RATE) == (45, 130)
    assert by_day(own, Metric.SYSTOLIC) == (90, 180)  # control: the detectors' own

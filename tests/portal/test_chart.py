import re
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from ingest.store import Point
from portal import chart
from portal.chart import Frame, Mark
from portal.targets import Target
from portal.texts import Texts
from portal.wall import Wall

HOUR = 3_600_000
FRAME = Frame(1_795_300_000_000, 1_795_300_000_000 + HOUR)
values = st.floats(-1e4, 1e4)


def points(numbers, step=60_000, start=FRAME.start):
    return [
        Point(start + n * step, v - 1, v, v + 1, 5, 1.0) for n, v in enumerate(numbers)
    ]


def drawn(text):
    return ElementTree.fromstring(text)


def path(text, name):
    return re.search(rf'class="{name}" d="([^"]*)"', text).group(1)


@given(st.lists(values, max_size=50), st.lists(values, max_size=2))
def test_whatever_was_measured_is_drawn_inside_the_plot(numbers, limits):
    low, high = [*sorted(limits), None, None][:2]
    target = Target(FRAME.start, FRAME.stop, low, high)
    frame = Frame(FRAME.start, FRAME.stop, targets=(target,), usual=(low or 0, 1e4))
    text = chart.curve(frame, points(numbers), [Mark(frame.start, "high", "<&")])
    drawn(text)
    for x, y in re.findall(
        r"([\d.-]+) ([\d.-]+)", path(text, "band") + path(text, "mean")
    ):
        assert 0 <= float(x) <= chart.WIDE
        assert chart.TOP - 0.1 <= float(y) <= frame.height - chart.BOTTOM + 0.1


def test_a_gap_stays_a_gap():
    found = points([70] * 10) + points([71] * 10, start=FRAME.start + HOUR // 2)
    assert path(chart.curve(FRAME, found), "mean").count("M") == 2
    assert path(chart.curve(FRAME, points([70] * 20)), "mean").count("M") == 1


def test_a_single_value_is_visible():
    assert path(chart.curve(FRAME, points([70])), "mean").endswith("h.1")


def test_a_higher_value_is_drawn_higher():
    text = path(chart.curve(FRAME, points([60, 70, 80, 90])), "mean")
    heights = [float(y) for y in re.findall(r"[\d.]+ ([\d.]+)", text)]
    assert all(later < earlier for earlier, later in pairwise(heights))


def test_each_measurement_of_blood_pressure_is_one_stick():
    tops, feet = points([120, 130, 140]), points([80, 85, 90])
    text = chart.sticks(FRAME, tops, feet[:2])
    assert path(text, "stick").count("M") == 2
    drawn(text)


def test_only_alerts_of_the_time_shown_are_marked():
    marks = [Mark(FRAME.start + n * HOUR // 2, "low", "x") for n in range(-1, 5)]
    assert chart.curve(FRAME, points([70]), marks).count("mark low") == 3


def test_times_are_by_the_clock_of_the_patients_place():
    place = Frame(FRAME.start, FRAME.stop, wall=Wall(Texts("en"), "Asia/Kolkata"))
    labels = re.findall(r">(\d\d:\d\d)<", chart.curve(place, points([70])))
    assert 2 <= len(labels) <= 4
    assert all(int(label[3:]) % 20 == 0 for label in labels)
    assert labels != re.findall(r">(\d\d:\d\d)<", chart.curve(FRAME, points([70])))


def test_a_sparkline_of_nothing_is_nothing():
    assert chart.sparkline([], FRAME) == ""
    drawn(chart.sparkline(points([5, 5, 5]), FRAME))

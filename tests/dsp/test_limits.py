"""The table of signals and how what was said lies over it."""

from dsp.limits import COLUMN, SIGNALS, bounds
from dsp.trend import COURSES
from vitals.codes import Metric
from vitals.detection import CONFIRMED, LIMITED, TRENDS
from vitals.model import Limit


def test_every_signal_is_a_metric_once_and_says_where_its_limits_come_from():
    metrics = [signal.metric for signal in SIGNALS]
    assert len(set(metrics)) == len(metrics) == len(COLUMN)
    measured = {metric for metric in Metric if not metric.derived}
    assert set(metrics) == measured - {Metric.RR_INTERVAL}
    assert all(signal.source for signal in SIGNALS)


def test_what_the_configuration_may_name_is_watched_and_nothing_else():
    assert set(LIMITED) == COLUMN.keys()
    assert set(TRENDS) == {course.metric.value for course in COURSES}
    assert set(CONFIRMED) == {s.metric.value for s in SIGNALS if s.spot}


def test_every_default_limit_is_one_that_a_human_can_reach():
    for signal in SIGNALS:
        for limit in (signal.low, signal.high):
            assert limit is None or signal.metric.plausible(limit)


def test_the_last_word_wins_side_by_side():
    config, plan = Limit(high=120, hold_s=10), Limit(low=45, hold_s=20)
    found = bounds(SIGNALS[0], config, plan)
    assert found.bound == (45, 120)
    assert found.hold == (20_000, 20_000)
    assert bounds(SIGNALS[0], None, None).bound == (40, 131)


def test_c12_who_names_the_day_alone_means_the_night_too():
    config = Limit(high=120, night_high=100)
    by_config = bounds(SIGNALS[0], config)
    assert (by_config.bound, by_config.night) == ((40, 120), (40, 100))
    assert bounds(SIGNALS[0], config, Limit(high=150)).night == (40, 150)
    by_plan = bounds(SIGNALS[0], config, Limit(night_low=35))
    assert (by_plan.bound, by_plan.night) == ((40, 120), (35, 100))

from dataclasses import asdict
from itertools import pairwise

import pytest

from firmware_sim.physiology import Heart, Person, RecordedHeart, read_intervals
from vitals.errors import ConfigError
from vitals.simulation import Course


def episode(state, at_s=100, for_s=60):
    return Course(at_s=at_s, for_s=for_s, state=state)


def beats(heart, seconds, step=1.0):
    ended = []
    for n in range(int(seconds / step)):
        ended += heart.elapse(step, n * step)
    return ended


def test_the_same_seed_is_the_same_person_to_the_last_beat():
    one, other = Person(7), Person(7)
    assert [one.at(t) for t in range(100)] == [other.at(t) for t in range(100)]
    assert beats(Heart(one), 100) == beats(Heart(other), 100)


def test_another_seed_is_somebody_else():
    assert Person(7).at(0) != Person(8).at(0)
    assert beats(Heart(Person(7)), 10) != beats(Heart(Person(8)), 10)


def test_time_may_be_asked_for_in_any_order():
    person = Person(7, [episode("racing")])
    late, early = person.at(130), person.at(5)
    assert (person.at(5), person.at(130)) == (early, late)


@pytest.mark.parametrize("seed", range(20))
def test_a_resting_day_is_unremarkable(seed):
    person = Person(seed)
    for minute in range(24 * 60):
        now = person.at(60.0 * minute)
        assert 50 < now.hr < 85
        assert 100 < now.sys < 135
        assert 65 < now.dia < 86
        assert 36.0 < now.temp < 37.2
        assert now.worn
        assert now.present


@pytest.mark.parametrize(
    ("state", "what", "low", "high"),
    [
        ("racing", "hr", 149, 151),
        ("bradycardia", "hr", 33.9, 34.1),
        ("hypertension", "sys", 189, 191),
        ("hypertension", "dia", 117, 119),
        ("fever", "temp", 39.1, 39.3),
    ],
)
def test_a_state_sets_in_holds_and_passes(state, what, low, high):
    ill, well = Person(7, [episode(state)]), Person(7)
    value = {t: asdict(ill.at(t))[what] for t in (99.9, 110, 159, 165)}
    rest = {t: asdict(well.at(t))[what] for t in value}
    assert low <= value[110] <= high
    assert low <= value[159] <= high
    assert (value[99.9], value[165]) == (rest[99.9], rest[165])


def test_exercise_takes_a_minute_to_set_in_and_two_thirds_of_it_one_to_wear_off():
    course = Course(at_s=1000, for_s=600, state="exercise")
    trained, resting = Person(7, [course]), Person(7)
    more = {t: trained.at(t).hr - resting.at(t).hr for t in (999, 1020, 1060, 1600)}
    assert more[999] == 0
    assert more[1020] == pytest.approx(65 / 2, abs=3)
    assert more[1060] == pytest.approx(65, abs=10)
    assert more[1600] == pytest.approx(65, abs=0.1)
    recovered = trained.at(1660).hr - resting.at(1660).hr
    assert recovered == pytest.approx(65 / 3, abs=3)
    assert trained.at(2200).hr == resting.at(2200).hr


def test_activity_comes_in_bouts_the_same_each_time_and_leaves_rest_between():
    course = Course(at_s=3600, for_s=6 * 3600, state="activity")
    active, resting = Person(7, [course]), Person(7)
    more = [active.at(t).hr - resting.at(t).hr for t in range(0, 8 * 3600, 10)]
    assert more == [active.at(t).hr - resting.at(t).hr for t in range(0, 8 * 3600, 10)]
    assert not any(more[:360])
    assert not any(more[7 * 360 :])
    busy = more[360 : 7 * 360]
    assert 10 < max(busy) <= 30
    assert 0.1 < sum(m > 5 for m in busy) / len(busy) < 0.6


def test_the_heart_is_slowest_and_the_body_coolest_before_dawn():
    for seed in range(5):
        person = Person(seed, hour=12)
        hours = {h: person.at((h - 12) % 24 * 3600) for h in (4, 5, 16, 17)}
        assert hours[4].hr < hours[16].hr - 3
        assert hours[5].temp < hours[17].temp - 0.4
        assert hours[4].sys < hours[16].sys - 6


def test_days_are_as_cheap_as_minutes():
    person = Person(7, hour=0)
    assert person.at(10 * 86_400 + 5).hr == pytest.approx(person.at(5).hr, abs=12)


def test_fibrillation_makes_beats_irregular_and_unlike_their_neighbours():
    def spread(course):
        rr = beats(Heart(Person(7, course)), 600)
        mean = sum(rr) / len(rr)
        cv = (sum((b - mean) ** 2 for b in rr) / len(rr)) ** 0.5 / mean
        pairs = sum((a - mean) * (b - mean) for a, b in pairwise(rr))
        return cv, pairs / sum((b - mean) ** 2 for b in rr)

    cv, likeness = spread([episode("fibrillation", -10, 10_000)])
    assert 0.15 < cv < 0.3
    assert abs(likeness) < 0.15
    calm_cv, calm_likeness = spread([])
    assert calm_cv < 0.06
    assert calm_likeness > 0.3


def test_a_fever_climbs_as_slowly_as_its_ramp():
    course = Course(at_s=3600, for_s=7200, state="fever", ramp_s=3600)
    person = Person(7, [course])
    assert person.at(3600 + 1800).temp == pytest.approx(37.9, abs=0.4)
    assert person.at(7300).temp == pytest.approx(39.2, abs=0.05)


def test_states_set_in_smoothly():
    person = Person(7, [episode("racing")])
    rates = [person.at(90 + n / 10).hr for n in range(900)]
    assert max(abs(b - a) for a, b in pairwise(rates)) < 5


def test_off_the_body_and_gone_are_exact():
    person = Person(7, [episode("off_body"), episode("gone", 300, 10)])
    assert [person.at(t).worn for t in (99, 100, 159, 160)] == [
        True,
        False,
        False,
        True,
    ]
    assert [person.at(t).present for t in (299, 300, 310)] == [True, False, True]


def test_absences_that_touch_are_one():
    course = [episode("gone", 50, 10), episode("gone", 10, 20), episode("gone", 25, 20)]
    assert list(Person(7, course).absences()) == [(10, 45), (50, 60)]


def test_a_heart_beats_at_its_persons_rate():
    rest = beats(Heart(Person(7)), 600)
    assert 60_000 * len(rest) / sum(rest) == pytest.approx(Person(7).at(300).hr, abs=6)
    race = beats(Heart(Person(7, [episode("racing", -10, 10_000)])), 60)
    assert sum(race) / len(race) == pytest.approx(400, abs=5)


def test_breathing_moves_the_heart():
    intervals = beats(Heart(Person(7)), 300)
    steps = [abs(b - a) for a, b in pairwise(intervals)]
    assert 5 < sum(steps) / len(steps) < 60


def test_how_time_is_cut_changes_no_recorded_beat():
    recorded = [800.5, 3.0, 1200.0, 641.25, 63_998.0, 900.0]
    for step in (0.01, 0.3, 1.0, 7.0):
        heart = RecordedHeart(Person(7), recorded)
        assert beats(heart, 71, step) == recorded


def test_a_recorded_heart_ends_and_never_starts_again():
    heart = RecordedHeart(Person(7), [500.0, 500.0])
    assert heart.elapse(1.0, 1.0) == [500.0, 500.0]
    assert heart.elapse(1000.0, 1001.0) == []


def test_a_file_of_intervals_may_have_comments_and_gaps(tmp_path):
    path = tmp_path / "rr.txt"
    path.write_text("# afdb\n812.5\n\n  790 # ectopic\n")
    assert read_intervals(str(path)) == [812.5, 790.0]


@pytest.mark.parametrize("bad", ["soon", "0", "-800", "nan", "inf", "70000", "8 9"])
def test_a_bad_interval_is_named_with_its_line(tmp_path, bad):
    path = tmp_path / "rr.txt"
    path.write_text(f"800\n{bad}\n")
    with pytest.raises(ConfigError, match=r"rr\.txt:2: "):
        read_intervals(str(path))


def test_a_file_without_intervals_or_without_a_file_is_refused(tmp_path):
    path = tmp_path / "rr.txt"
    with pytest.raises(ConfigError, match="cannot read"):
        read_intervals(str(path))
    path.write_text("# nothing\n")
    with pytest.raises(ConfigError, match="no RR interval"):
        read_intervals(str(path))

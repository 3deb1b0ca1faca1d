"""Who watches says what fell silent, again while it lasts, and once at its end."""

import pytest

from vitals.model import StageStatus
from vitals.watch import Watch

SILENT, AGAIN = 70_000, 900_000
NOW = 1_700_000_000_000


class Wall:
    """A watch, and stages that speak to it at times in seconds."""

    def __init__(self, *stages, step=0):
        self.step = step  # ms that our wall clock is ahead
        self.watch = Watch("gw-1", stages, SILENT, AGAIN, NOW + step, 0)

    def hear(self, stage, s, said=None, online=True):
        status = StageStatus(
            online=online, t=NOW + (s if said is None else said) * 1000
        )
        self.watch.hear(stage, status, NOW + self.step + s * 1000, s * 1000)

    def check(self, s, online=True):
        now = NOW + self.step + s * 1000
        found = self.watch.check(now, s * 1000, online=online)
        return [(word.what, word.over) for word in found]


@pytest.fixture
def wall():
    return Wall("dsp", "alerts")


def alive(wall, *stages, until, since=0):
    for s in range(since, until + 1, 20):
        for stage in stages:
            wall.hear(stage, s)


def test_stages_that_speak_are_not_spoken_of(wall):
    alive(wall, "dsp", "alerts", until=600)
    assert wall.check(620) == []


def test_c20_a_silent_stage_is_told_within_ninety_seconds(wall):
    alive(wall, "dsp", until=200)
    wall.hear("alerts", 100)
    assert wall.check(165) == []
    assert wall.check(170) == [("alerts", False)]  # 70 s, looked every 5 s
    assert 170 + 5 - 100 <= 90


def test_it_is_said_again_while_it_lasts_and_once_when_it_is_over(wall):
    alive(wall, "dsp", until=2000)
    said = [(s, *word) for s in range(0, 1995, 5) for word in wall.check(s)]
    assert said == [
        (70, "alerts", False),
        (970, "alerts", False),
        (1870, "alerts", False),
    ]
    wall.hear("alerts", 2000)
    assert wall.check(2000) == [("alerts", True)]
    assert wall.check(2005) == []


def test_c20_when_nobody_at_all_is_heard_it_is_the_broker(wall):
    alive(wall, "dsp", "alerts", until=100)
    assert wall.check(200) == [("broker", False)]
    alive(wall, "dsp", since=220, until=220)
    assert wall.check(221) == [("broker", True), ("alerts", False)]


def test_a_lost_broker_is_one_word_however_the_stages_spoke_last(wall):
    alive(wall, "dsp", until=100)
    alive(wall, "alerts", until=80)
    said = [w for s in range(105, 400, 5) for w in wall.check(s, online=False)]
    assert said == [("broker", False)]
    wall.hear("dsp", 410)
    assert wall.check(410) == [("broker", True)]
    wall.hear("alerts", 420)
    assert [w for s in range(415, 470, 5) for w in wall.check(s)] == []


def test_who_was_silent_before_the_broker_was_lost_is_not_heard_again_by_it(wall):
    alive(wall, "dsp", until=100)
    assert wall.check(100) == [("alerts", False)]
    assert wall.check(180, online=False) == [("broker", False)]
    alive(wall, "dsp", since=200, until=400)
    said = [w for s in range(200, 400, 5) for w in wall.check(s)]
    assert said == [("broker", True)]
    wall.hear("alerts", 400)
    assert wall.check(400) == [("alerts", True)]


def test_a_stage_that_never_spoke_is_silent(wall):
    alive(wall, "dsp", until=100)
    assert wall.check(100) == [("alerts", False)]


def test_what_the_broker_had_kept_is_as_old_as_it_says(wall):
    alive(wall, "dsp", until=20)
    wall.hear("alerts", 1, said=-3600)
    assert wall.check(5) == [("alerts", False)]


def test_the_same_kept_word_again_is_no_news(wall):
    alive(wall, "dsp", until=100)
    for s in (1, 40, 80):
        wall.hear("alerts", s, said=0)
    assert wall.check(100) == [("alerts", False)]


def test_a_stages_clock_that_is_wrong_is_no_silence():
    wall = Wall("dsp", "alerts", step=3_600_000)  # ours is an hour ahead
    alive(wall, "dsp", "alerts", until=300)
    assert wall.check(310) == []


def test_a_stage_that_nobody_expects_is_nobody(wall):
    alive(wall, "dsp", "alerts", until=100)
    wall.hear("portal", 0)
    assert wall.check(100) == []


def test_the_words_say_what_to_do():
    watch = Watch("gw-1", ["dsp", "alerts"], SILENT, AGAIN, NOW, 0)
    watch.hear("dsp", StageStatus(online=True, t=NOW + 120_000), NOW + 120_000, 120_000)
    [word] = watch.check(NOW + 125_000, 125_000, online=True)
    assert word.text.startswith("Vitals: alerts has been silent for 2 min.")
    assert "look after the patients" in word.text
    assert "2 分钟" in word.text_zh
    assert (word.by, word.since) == ("gw-1", NOW)

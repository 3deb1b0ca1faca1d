from alerts.cases import Episode
from alerts.past import LAST, REMEMBER_MS, Past

NOW = 1_700_000_000_000
AHEAD = Episode(NOW + 365 * 86_400_000)  # by a clock that was wrong


def filled(last):
    """Give what remembers four episodes, of which the first was heard again last."""
    past = Past(last)
    for n in range(4):
        past.keep({f"e-{n}": AHEAD}, NOW + n)
    past.keep({"e-0": Episode(NOW)}, NOW + 4)
    return past


def known(past):
    return [n for n in range(4) if past.get(f"e-{n}")]


def test_the_last_are_remembered_whatever_their_age():
    past = filled(last=2)
    past.forget(NOW + 10 * REMEMBER_MS)
    assert known(past) == [0, 3]
    assert past.get("e-0") == AHEAD


def test_all_are_remembered_while_more_of_them_would_be_told():
    past = filled(last=2)
    past.forget(NOW + REMEMBER_MS)
    assert known(past) == [0, 1, 2, 3]
    past.forget(NOW + REMEMBER_MS + 60_000)
    assert len(past) == 2


def test_what_is_remembered_is_bounded_however_long_it_lasts():
    past = Past()
    for hour in range(3 * LAST // 100):
        now = NOW + hour * 3_600_000
        past.keep({f"e-{hour}-{n}": Episode(now) for n in range(100)}, now)
        past.forget(now)
    assert len(past) == LAST

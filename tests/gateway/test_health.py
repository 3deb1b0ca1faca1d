from itertools import pairwise

from gateway.health import PAUSES_S, TROUBLES, Health


def suffer(health, now, times=TROUBLES):
    return [health.suffers(now) for _ in range(times)]


def test_a7_troubles_without_a_sign_of_life_lead_to_a_reset():
    assert suffer(Health(), 100.0) == [False] * (TROUBLES - 1) + [True]


def test_a_sign_of_life_forgives():
    health = Health()
    for _ in range(10):
        assert not any(suffer(health, 100.0, TROUBLES - 1))
        health.lives()


def test_resets_that_do_not_help_come_more_and_more_seldom():
    health, now, resets = Health(), 1000.0, []
    while now < 10_000:
        if health.suffers(now):
            resets.append(now)
        now += 1
    pauses = [after - before for before, after in pairwise(resets)]
    assert pauses[: len(PAUSES_S) - 1] == list(PAUSES_S[1:])
    assert set(pauses[len(PAUSES_S) - 1 :]) == {PAUSES_S[-1]}


def test_a_reset_that_helped_is_forgotten():
    health = Health()
    for _ in range(5):
        assert suffer(health, 100.0)[-1]
        health.lives()

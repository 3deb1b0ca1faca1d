from gateway.stillness import Stillness
from vitals import Flag, HeartRate


def flags(rates, rr=()):
    """Judge one rate a second; give the flags of each."""
    stillness = Stillness()
    beats = dict(rr)
    return [
        stillness.judge(HeartRate(t=1000 * n, hr=rate, rr=beats.get(n, ()))).q
        for n, rate in enumerate(rates)
    ]


def test_a_rate_with_its_beats_is_never_doubted_however_steady():
    beats = dict.fromkeys(range(900), (1000.0,))
    assert set(flags([60] * 900, beats)) == {()}


def test_a_rate_that_goes_on_without_beats_is_an_artefact_then_frozen():
    judged = flags([72] * 100, dict.fromkeys(range(5), (833.0,)))
    assert judged[13] == ()
    assert judged[14] == (Flag.ARTEFACT,)
    assert judged[63] == (Flag.ARTEFACT,)
    assert judged[64] == (Flag.ARTEFACT, Flag.FROZEN)


def test_random_rates_without_beats_are_artefacts():
    rates = [70, *(60 + n * 7 % 31 for n in range(99))]
    judged = flags(rates, {0: (857.0,)})
    assert set(judged[:10]) == {()}
    assert set(judged[10:]) == {(Flag.ARTEFACT,)}


def test_a_strap_that_never_tells_beats_has_five_minutes():
    judged = flags([64] * 400)
    assert set(judged[:300]) == {()}
    assert set(judged[300:]) == {(Flag.FROZEN,)}
    assert set(flags([64 + n % 2 for n in range(400)])) == {()}


def test_no_rate_is_not_doubted_and_beats_forgive():
    judged = flags([72] * 20 + [None] * 5 + [72] * 5, {0: (833.0,), 25: (833.0,)})
    assert judged[19] == (Flag.ARTEFACT,)
    assert set(judged[20:]) == {()}

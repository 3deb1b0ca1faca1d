import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flight import PATIENCE_S, WINDOW, Flight
from gateway.notification import Row
from vitals import ConfigError, config


def rows(*numbers, device="strap-1"):
    return [Row(n, device, n, "vitals/v1/07/p-7/it/heart_rate", b"{}") for n in numbers]


def test_only_what_has_departed_can_land():
    flight = Flight()
    flight.depart(rows(4, 5, 6), 0.0)
    assert flight.land("strap-2", [(1, 99)]) == []
    assert flight.land("strap-1", [(1, 5)]) == [4, 5]
    assert flight.land("strap-1", [(1, 5)]) == []
    assert 6 in flight
    assert len(flight) == 1


def test_without_a_commit_it_is_overdue_ever_more_patiently():
    flight, now = Flight(), 0.0
    for patience in [*PATIENCE_S, PATIENCE_S[-1]]:
        flight.depart(rows(7, 8), now)
        assert flight.overdue(now + patience - 0.1) is None
        now += patience
        assert flight.overdue(now) == 7
        assert len(flight) == 0
    flight.depart(rows(7, 8), now)
    flight.land("strap-1", [(7, 7)])
    assert flight.overdue(now + PATIENCE_S[0]) == 8


def test_a_record_that_got_lost_is_overdue_though_others_land():
    flight = Flight()
    flight.depart(rows(1), 0.0)
    for second in range(1, 5):
        flight.depart(rows(1 + second), second)
        flight.land("strap-1", [(2, 1 + second)])
    assert flight.overdue(10.0) == 1


def test_a_broker_that_was_away_is_doubted_soon():
    flight = Flight()
    for now in 0.0, 100.0, 200.0:
        flight.depart(rows(1), now)
        flight.overdue(now + 50)
    flight.depart(rows(1), 300.0)
    assert flight.overdue(310.0) is None
    flight.doubt()
    assert flight.overdue(310.0) == 1


def test_a_full_window_takes_no_more():
    flight = Flight()
    assert flight.depart(rows(*range(1, WINDOW + 1)), 0.0)
    assert flight.full
    assert not flight.depart(rows(WINDOW + 1), 0.0)
    assert WINDOW + 1 not in flight


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=6)


@given(st.sets(st.integers(1, 60)), spans)
def test_what_lands_is_what_departed_and_is_within_the_ranges(departed, wanted):
    flight = Flight()
    flight.depart(rows(*departed), 0.0)
    apart, end = [], -1
    for first, length in sorted(wanted):
        if first > end:
            end = first + length
            apart.append((first, end))
    expected = {n for n in departed if any(a <= n <= b for a, b in apart)}
    assert set(flight.land("strap-1", apart)) == expected
    assert len(flight) == len(departed - expected)


@pytest.mark.parametrize("claim", [(9, 1), (-5, 0), (0, 1 << 70), (5, 5)])
def test_senseless_ranges_do_no_harm(claim):
    flight = Flight()
    flight.depart(rows(1, 2), 0.0)
    assert set(flight.land("strap-1", [claim])) <= {1, 2}


def test_no_gateway_publishes_again_while_ingest_waits_to_commit():
    with pytest.raises(ConfigError):
        config.parse(f"[store]\ncommit_s = {PATIENCE_S[0] - 3}")
    assert config.Store().commit_s < PATIENCE_S[0] - 3

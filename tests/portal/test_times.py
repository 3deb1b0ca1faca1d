import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.times import LATEST, instant, rfc3339, said


@given(st.integers(0, LATEST))
def test_reading_undoes_writing(t):
    assert instant(rfc3339(t)) == t


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_value_error(text):
    try:
        assert 0 <= instant(text) <= LATEST
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-21T15:30:00+08:00", "2026-11-21T07:30:00.000Z"),
        ("2026-11-21T07:30:00.5Z", "2026-11-21T07:30:00.500Z"),
        ("2026-11-21T07:30:00.123456789Z", "2026-11-21T07:30:00.123Z"),
    ],
)
def test_offsets_and_fractions_are_understood(text, same):
    assert rfc3339(instant(text)) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-21",
        "2026-11-21T07:30:00",
        "20261121T073000Z",
        "1e9",
        "٢026-11-21T07:30:00Z",
        "2026-13-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"RFC 3339|no date|1970"):
        instant(text)


def test_instants_in_evidence_are_written_out_and_durations_are_not():
    found = said({"begin": 1_700_000_000_000, "hold_s": 60, "last": 12, "until": None})
    assert found["begin"] == "2023-11-14T22:13:20.000Z"
    assert (found["hold_s"], found["last"], found["until"]) == (60, 12, None)

"""What a search asks for."""

import pytest

from portal.fhir.parameters import read, span
from portal.fhir.shelves import SHELVES
from portal.fhir.timeline import END
from vitals.errors import MalformedData

KNOWN = SHELVES["Observation"].parameters
DAY = 86_400_000


def search(*pairs, strict=False):
    return read(pairs, KNOWN, strict=strict)


@pytest.mark.parametrize(
    ("text", "begin", "width"),
    [
        ("1970", 0, 365 * DAY),
        ("1972-02", 761 * DAY, 29 * DAY),
        ("1970-12", 334 * DAY, 31 * DAY),
        ("1970-01-02", DAY, DAY),
        ("1970-01-01T08:00+08:00", 0, 60_000),
        ("1970-01-01T08:00 08:00", 0, 60_000),  # + in an address is a space
        ("1970-01-01T00:00:01Z", 1000, 1000),
        ("1970-01-01T00:00:01.5Z", 1500, 100),
        ("1970-01-01T00:00:01.007Z", 1007, 1),
        ("1970-01-01T00:00:01.0071234Z", 1007, 1),
        ("1970-01-02T00:00:00-01:30", DAY + 5_400_000, 1000),
    ],
)
def test_a_date_is_as_long_as_it_is_precise(text, begin, width):
    assert span(text) == (begin, begin + width)


@pytest.mark.parametrize(
    ("prefix", "start", "stop"),
    [
        ("", DAY, 2 * DAY),
        ("eq", DAY, 2 * DAY),
        ("ge", DAY, END),
        ("gt", 2 * DAY, END),
        ("sa", 2 * DAY, END),
        ("le", 0, 2 * DAY),
        ("lt", 0, DAY),
        ("eb", 0, DAY),
    ],
)
def test_a_prefix_counts_from_the_right_end(prefix, start, stop):
    found = search(("date", f"{prefix}1970-01-02"))
    assert (found.start, found.stop) == (start, stop)


def test_two_dates_are_an_interval():
    found = search(("date", "ge1970-01-02"), ("date", "lt1970-01-04"))
    assert (found.start, found.stop) == (DAY, 4 * DAY - DAY)


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("8867-4", {"hr", "pr", "op"}),
        ("http://loinc.org|8867-4", {"hr", "pr", "op"}),
        ("http://loinc.org|85354-9,http://loinc.org|8310-5", {"bp", "bt"}),
        ("59408-5", {"ox"}),
        ("urn:iso:std:iso:11073:10101|149546", {"pr"}),
        ("http://snomed.info/sct|8867-4", set()),
        ("|8867-4", set()),
        ("nothing", set()),
    ],
)
def test_a_code_is_one_of_several_systems(code, parts):
    assert search(("code", code)).parts == parts


def test_category_and_code_are_both_meant():
    found = search(("category", "vital-signs"), ("code", "8637-1"))
    assert found.parts == set()
    whole = search(
        (
            "category",
            "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
        )
    )
    assert whole.parts == {"hr", "bp", "pr", "bt", "ox", "op"}


def test_a_patient_is_named_in_three_ways():
    for name in ("p-1", "Patient/p-1", "https://here/fhir/Patient/p-1"):
        assert search(("patient", name)).subjects == {"p-1"}
    assert search(("subject", "p.1")).subjects == {"p_1"}


def test_what_is_not_known_is_left_out_unless_the_client_is_strict():
    found = search(("_elements", "id"), ("code", "8867-4"))
    assert found.used == [("code", "8867-4")]
    with pytest.raises(MalformedData, match="_elements"):
        search(("_elements", "id"), strict=True)


@pytest.mark.parametrize(
    "pair",
    [
        ("patient.identifier", "x"),  # would find everybody's if it were left out
        ("patient:Patient", "p-1"),
        ("subject:identifier", "x"),
        ("code:not", "8867-4"),
        ("date:missing", "true"),
        ("date", "ne2026-11-21"),
        ("date", "ap2026-11-21"),
        ("date", "2026-13-01"),
        ("date", "0000"),
        ("date", "9999"),
        ("date", "yesterday"),
        ("patient", "Device/d-1"),
        ("_count", "0"),
        ("_count", "-1"),
        ("_count", "many"),
        ("_sort", "code"),
        ("_page", "x"),
        ("_page", "99999999999999.x"),
    ],
)
def test_what_would_widen_a_search_or_means_nothing_is_refused(pair):
    with pytest.raises(MalformedData):
        search(pair)


def test_a_page_has_at_most_a_thousand():
    assert search(("_count", "1000000")).count == 1000

"""`docs/gateway-rows.md` and the tests that it names keep together."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "gateway-rows.md").read_text()
ROWS = [f"A{n}" for n in range(1, 23)]
_ROW = re.compile(r"^\| (A\d+) \|.*$", re.M)


def shown(text):
    """Give the patterns that each row names."""
    lines = {found[1]: found[0] for found in _ROW.finditer(text)}
    return {row: re.findall(r"`([^`]+::[^`]+)`", line) for row, line in lines.items()}


def there():
    """Give every test as the page writes it: the file under tests/, and its name."""
    for path in sorted(TESTS.rglob("test_*.py")):
        names = re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M)
        yield from (f"{path.relative_to(TESTS)}::{name}" for name in names)


def rows_of(test):
    """Give the rows that a test is named after.

    >>> rows_of("gateway/test_devices.py::test_a5_a13_nothing_is_lost")
    ['A5', 'A13']
    """
    found = re.match(r"test((?:_a\d+)+)_", test.partition("::")[2])
    return [f"A{n}" for n in re.findall(r"\d+", found[1])] if found else []


SHOWN = shown(PAGE)
THERE = list(there())
NAMED = {row: [test for test in THERE if row in rows_of(test)] for row in ROWS}


def test_every_row_is_on_the_page_once():
    assert sorted(SHOWN) == sorted(ROWS)


@pytest.mark.parametrize("row", SHOWN)
def test_a_row_names_tests_that_are_there_and_all_that_are_named_after_it(row):
    patterns = SHOWN[row]
    assert patterns
    for pattern in patterns:
        assert [t for t in NAMED[row] if fnmatch(t, pattern)], pattern
    rest = [t for t in NAMED[row] if not any(fnmatch(t, p) for p in patterns)]
    assert not rest, f"docs/gateway-rows.md, row {row}: where are these?"


def test_a_row_whose_tests_are_gone_would_be_noticed():
    assert not [test for test in NAMED["A7"] if fnmatch(test, "nowhere.py::test_a7_*")]
    assert rows_of("x.py::test_a_strap_is_heard") == []
    assert rows_of("x.py::test_a5_a13_nothing") == ["A5", "A13"]

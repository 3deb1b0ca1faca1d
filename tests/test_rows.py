"""The pages of what users ask for, `docs/*-rows.md`, and their tests keep together."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
PAGES = {"A": "gateway-rows.md", "C": "alert-rows.md", "D": "portal-rows.md"}
COUNTS = {"A": 22, "C": 24, "D": 18}
ROWS = [f"{letter}{n}" for letter in PAGES for n in range(1, COUNTS[letter] + 1)]
UNBUILT = re.compile(r"\*\*Not built\*\*: \w+ [^|]{20,}")  # and the reason
"""What a row says that has no test; only of the portal may anything be missing."""


def rows(text):
    """Give the lines of a page's rows."""
    return re.findall(r"^\| ([A-D]\d+) \|(.*)$", text, re.M)


def shown(line):
    """Give the patterns that a row names."""
    return re.findall(r"`([^`]+::[^`]+)`", line)


def there():
    """Give every test as the pages write it: the file under tests/, and its name."""
    for path in sorted(TESTS.rglob("test_*.py")):
        names = re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M)
        yield from (f"{path.relative_to(TESTS)}::{name}" for name in names)


def rows_of(test):
    """Give the rows that a test is named after.

    >>> rows_of("gateway/test_devices.py::test_a5_a13_nothing_is_lost")
    ['A5', 'A13']
    """
    found = re.match(r"test((?:_[acd]\d+)+)_", test.partition("::")[2])
    return re.findall(r"[ACD]\d+", found[1].upper()) if found else []


def unkept(line, named):
    """Give what a row promises and has not, and what it has and hides.

    Parameters
    ----------
    line
        The row, as the page has it.
    named
        The tests that are named after it.
    """
    patterns = shown(line)
    empty = [p for p in patterns if not any(fnmatch(t, p) for t in named)]
    return empty + [t for t in named if not any(fnmatch(t, p) for p in patterns)]


TOLD = [
    (letter, *row)
    for letter, page in PAGES.items()
    for row in rows((DOCS / page).read_text())
]
LINES = {row: line for _, row, line in TOLD}
THERE = list(there())
NAMED = {row: [test for test in THERE if row in rows_of(test)] for row in ROWS}


def test_every_row_is_once_on_the_page_of_its_letter():
    assert [row for _, row, _ in TOLD] == ROWS
    assert all(row.startswith(letter) for letter, row, _ in TOLD)


@pytest.mark.parametrize("row", LINES)
def test_a_row_names_tests_that_are_there_and_all_that_are_named_after_it(row):
    line = LINES[row]
    assert shown(line) or (row.startswith("D") and UNBUILT.search(line))
    assert unkept(line, NAMED[row]) == []


def test_no_test_is_named_after_a_row_that_nobody_has():
    assert {row for test in THERE for row in rows_of(test)} <= set(ROWS)


def test_the_readme_leads_to_every_page():
    readme = (TESTS.parent / "README.md").read_text()
    assert all(f"](docs/{page})" in readme for page in PAGES.values())


def test_a_row_whose_tests_are_gone_or_hidden_would_be_noticed():
    test = "x.py::test_c5_nobody_is_forgotten"
    assert unkept("| `x.py::test_c5_*` |", [test]) == []
    assert unkept("| `x.py::test_c5_*` |", []) == ["x.py::test_c5_*"]
    assert unkept("| `y.py::test_c5_*` |", [test]) == ["y.py::test_c5_*", test]
    assert rows_of("x.py::test_a_strap_is_heard") == []
    assert rows_of("x.py::test_a5_a13_nothing") == ["A5", "A13"]
    assert rows_of("x.py::test_c4_d8_a_look") == ["C4", "D8"]


def test_a_row_without_tests_has_a_reason():
    assert UNBUILT.search("| **Not built**: the log may not lose a line, ever |")
    assert not UNBUILT.search("| **Not built** |")
    assert not UNBUILT.search("| **Not built**: yet | |")

"""The examples in the docstrings of every room are true.

One worker imports the modules that have any.  With the rooms in `testpaths`, every
worker would import all of them.
"""

import doctest
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = "vitals", "gateway", "ingest", "dsp", "alerts", "firmware_sim", "portal"
WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_are_true(name):
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def test_an_example_that_is_not_true_is_found():
    wrong = ModuleType("wrong", ">>> 1 + 1\n3")
    assert doctest.testmod(wrong).failed == 1

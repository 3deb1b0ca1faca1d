"""The README's table is what running has written, and nothing else."""

import json

from benchmarks import results, table
from benchmarks.__main__ import MEASUREMENTS, QUICK


def test_the_readmes_table_is_what_was_measured():
    found = json.loads(results.PATH.read_text())
    assert set(QUICK) <= set(MEASUREMENTS)
    for what, figure in table.rows(found):
        assert f"| {what} | {figure} |" in table.README.read_text()

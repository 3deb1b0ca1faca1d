import sqlite3
from contextlib import closing

import pytest

from ingest.completeness import GAPS, Stream, streams
from ingest.ledger import open_ledger
from vitals import Unavailable


def test_lost_of_given_is_read_beside_the_writer(tmp_path):
    assert streams(tmp_path) == []
    ledger = open_ledger(tmp_path)
    ledger.add("gw-1", "strap-1", range(1, 11), "p-1")
    ledger.add("gw-1", "cuff", [2, 3, 7], "p-1")
    assert streams(tmp_path) == [
        Stream("gw-1", "cuff", 7, 4, ((1, 1), (4, 6)), ("p-1",)),
        Stream("gw-1", "strap-1", 10, 0, (), ("p-1",)),
    ]
    ledger.add("gw-1", "cuff", [1, 4, 5, 6], "p-1")  # late, and in its place
    assert sum(stream.lost for stream in streams(tmp_path)) == 0
    ledger.close()


def test_a_shared_device_names_all_whom_it_measured(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.add("gw-1", "cuff", [1, 3], "p-2")
    ledger.add("gw-1", "cuff", [2], "p-1")
    assert [stream.subjects for stream in streams(tmp_path)] == [("p-1", "p-2")]
    ledger.close()


def test_a_ledger_of_before_there_were_wearers_is_read(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.add("gw-1", "cuff", [1], "p-1")
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        db.execute("DROP TABLE wearer")
    assert streams(tmp_path) == [Stream("gw-1", "cuff", 1, 0, (), ())]


def test_only_the_newest_gaps_are_listed(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.add("gw-1", "strap-1", range(1, 1001, 2), "p-1")
    (stream,) = streams(tmp_path)
    assert (stream.given, stream.lost, len(stream.gaps)) == (999, 499, GAPS)
    assert stream.gaps[-1] == (998, 998)
    ledger.close()


def test_a_ledger_that_is_none_is_one_clear_line(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    with pytest.raises(Unavailable, match="ledger.db"):
        streams(tmp_path)

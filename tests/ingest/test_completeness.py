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
        Stream("gw-1", "cuff", 7, 4, ((1, 1), (4, 6))),
        Stream("gw-1", "strap-1", 10, 0, ()),
    ]
    ledger.add("gw-1", "cuff", [1, 4, 5, 6], "p-1")  # late, and in its place
    assert sum(stream.lost for stream in streams(tmp_path)) == 0
    ledger.close()


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

"""What a gateway's file says that it has of one person."""

from contextlib import closing

import pytest

from gateway import erasure
from gateway.outbox import Outbox
from tests.gateway.test_sharing import check_in
from tests.gateway.values import NOON, beat, measured
from vitals import Unavailable

MINUTE = 60_000


def test_records_readings_of_shared_wearables_and_the_trail_are_counted(tmp_path):
    path = tmp_path / "gateway.db"
    with closing(Outbox(path, "gw-1")) as outbox:
        outbox.add([beat(), beat(NOON + 1)])
        outbox.add([measured()])
        outbox.check_in(check_in("p-7", NOON - MINUTE), NOON)
        rows = outbox.pending(0, 9)
        outbox.release([row.id for row in rows[:1]])
        outbox.add([measured(NOON + MINUTE)])
    assert list(erasure.kept(path, "p-7").values()) == [3, 2, 2]
    assert not any(erasure.kept(path, "p-70").values())


def test_no_file_has_nothing_and_another_s_is_refused(tmp_path):
    assert not any(erasure.kept(tmp_path / "gateway.db", "p-7").values())
    (tmp_path / "other.db").write_bytes(b"x" * 5000)
    with pytest.raises(Unavailable, match="other.db"):
        erasure.kept(tmp_path / "other.db", "p-7")

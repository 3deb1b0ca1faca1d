"""A power cut while readings wait, are given, and change hands.

A shared cuff measures once a second; who used it in each three seconds is said only
afterwards, and of every other turn the first reading is corrected to somebody else.
The writer says n for a reading that is stored, g and c for a turn that has been given
and corrected, r for its records committed and its old record withdrawn.
"""

from itertools import count

import pytest

from gateway.outbox import Outbox
from tests.gateway.test_power import cut_power, kill
from tests.gateway.values import NOON, Turns, told
from tests.power import needs_strace
from vitals import Unavailable

SAYS = """
import os, sys
from pathlib import Path
from gateway import outbox
from gateway.outbox import Outbox
from tests.gateway.values import NOON, Turns, beat

folder, *arguments = sys.argv[1:]
ack = os.open(folder + "/ack", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
say = lambda text: os.write(ack, text.encode() + b" ")
"""
WRITER = f"""{SAYS}
synchronous, turns = arguments
outbox.FOLD, outbox.SWEEP, outbox.MARK = 60, 10, 7
box = Outbox(Path(folder) / "gateway.db", "gw-1", synchronous=synchronous)
for turn in range(int(turns)):
    for n in range(3 * turn, 3 * turn + 3):
        box.add([Turns.reading(n), beat(NOON + n)])
        say(f"n{{n}}")
    box.check_in(Turns.given(turn), NOON)
    say(f"g{{turn}}")
    if turn % 2:
        box.assign(Turns.correction(turn), NOON)
        say(f"c{{turn}}")
    if turn % 3 == 2:
        say(f"r{{turn}}")
        box.release([row.id for row in box.pending(0, 1000)])
        gone = [r.record.seq for r in box.withdrawals()]
        box.withdrawn({{"cuff": [(seq, seq) for seq in gone]}})
    if box.unfolded:
        box.fold()
os._exit(0)
"""
GIVE = f"""{SAYS}
box = Outbox(Path(folder) / "gateway.db", "gw-1")
os.getppid()
box.check_in(Turns.given(0), NOON)
say("g0")
box.assign(Turns.correction(0), NOON)
say("c0")
box.fold()
os._exit(0)
"""


class Promises:
    """What the writer has said so far."""

    def __init__(self):
        self.stored, self.given, self.corrected, self.released = set(), set(), set(), -1

    def hear(self, said):
        for word in said.decode().split():
            what, number = word[0], int(word[1:])
            if what == "r":
                self.released = number
            else:
                kept = {"n": self.stored, "g": self.given, "c": self.corrected}
                kept[what].add(number)

    def may_be(self, n):
        """Whose a reading may be: nobody's until that was said, never guessed."""
        turn = n // 3
        people = {Turns.user(turn)} if turn in self.given else {None, Turns.user(turn)}
        if n % 3 == 0:
            people = {"p-9"} if turn in self.corrected else people | {"p-9"}
        return people

    def broken_by(self, image):
        """Open what a power cut left; give the readings and words that are lost."""
        try:
            box = Outbox(image / "gateway.db", "gw-1")
        except Unavailable:
            return {"everything", *self.stored}
        try:
            lost = self.lost(box)
            if not lost:
                self.goes_on(box)
        finally:
            box.close()
        return lost

    def lost(self, box):
        owner = owners(box)
        lost = self.stored - owner.keys()
        lost |= {f"g{t}" for t in self.given if not box.sharing.trail.knows(f"g{t}")}
        lost |= {
            f"c{t}" for t in self.corrected if not box.sharing.trail.knows(f"c{t}")
        }
        if lost:
            return lost
        for n, subject in owner.items():
            assert subject in self.may_be(n), "guessed"
        filed = {(s, t // 1000): seq for s, t, seq in cuffs(box)}
        assert len(filed) == len(cuffs(box)), "doubled"
        wrong = {r.record.seq for r in box.withdrawals()}
        assert not wrong & set(filed.values()), "published though it is withdrawn"
        # A file from a little earlier may hold what was released meanwhile.
        for n, subject in owner.items():
            if subject and n // 3 > self.released:
                assert (subject, n) in filed, "lost between waiting and given"
        for subject, n in filed:
            assert owner[n] == subject, "two people have it"
        [(least, most, numbers)] = box._file.execute(
            "SELECT min(seq), max(seq), count(DISTINCT seq) FROM given"
        )
        assert numbers == (most or 0) - (least or 1) + 1, "a gap, or a number twice"
        return set()

    def goes_on(self, box):
        """Told and said again, everything is somebody's once."""
        last = max([-1, *self.stored, *owners(box)])
        box.add([Turns.reading(n) for n in range(last + 2)])
        for turn in range(last // 3 + 2):
            box.check_in(Turns.given(turn), NOON)
        owner = owners(box)
        assert len(owner) == last + 2
        assert None not in owner.values()
        assert box.unassigned.get("cuff", 0) == 0
        found = [(subject, n) for subject, n, _ in cuffs(box)]
        assert len(set(found)) == len(found)


def owners(box):
    """Whose each reading is now."""
    from gateway.schema import READINGS

    found = box._file.execute(f"SELECT t, subject FROM {READINGS}").fetchall()
    owner = {(t - NOON) // 1000: subject for t, subject in found}
    assert len(owner) == len(found), "doubled"
    return owner


def cuffs(box):
    rows = [row for row in box.pending(0, 100_000) if row.device == "cuff"]
    return told(rows)


@needs_strace
@pytest.mark.slow
def test_a14_a_power_cut_neither_loses_nor_doubles_nor_guesses_whose_a_reading_is(
    tmp_path, record_property
):
    promises = Promises()
    images, lost = cut_power(tmp_path, WRITER, ("FULL", "6"), promises, 3)
    record_property("images", images)
    assert promises.given == set(range(6))
    assert images >= 300
    assert lost == 0


@needs_strace
@pytest.mark.slow
def test_a_control_that_does_not_sync_loses_whose_a_reading_is(tmp_path):
    _, lost = cut_power(tmp_path, WRITER, ("NORMAL", "3"), Promises(), 1)
    assert lost > 0


@needs_strace
@pytest.mark.slow
def test_a14_a_kill_at_any_call_on_the_disk_leaves_a_change_whole_or_not_at_all(
    tmp_path,
):
    for when in count(10):  # the file is open by then
        folder, promises = tmp_path / str(when), Promises()
        folder.mkdir()
        box = Outbox(folder / "gateway.db", "gw-1")
        box.add([Turns.reading(n) for n in range(3)])
        box.close()
        promises.hear(b"n0 n1 n2 ")
        lost = kill(folder, GIVE, promises, when)
        if lost is None:
            break
        assert not lost, when
    assert when > 15

"""The order in which files are given to the workers."""

from pathlib import Path
from types import SimpleNamespace

from tests.sharing import LONG, TESTS, order


def item(name, *markers):
    path = TESTS / name
    return SimpleNamespace(path=path, get_closest_marker=lambda m: m in markers or None)


def ordered(*items):
    found = list(items)
    order(found)
    return [str(Path(one.path).relative_to(TESTS)) for one in found]


def test_the_machine_comes_first_then_the_long_then_the_slow_and_then_the_rest():
    quick, slow = item("a/test_quick.py"), item("b/test_slow.py", "slow")
    second, first = item(LONG[1], "slow"), item(LONG[0], "slow")
    machine = item("z/test_machine.py", "bluez", "slow")
    names = ["z/test_machine.py", *LONG[:2], "b/test_slow.py", "a/test_quick.py"]
    assert ordered(quick, slow, second, first, machine) == names


def test_a_files_tests_stay_together_and_in_their_order():
    one, other = item(LONG[3], "slow"), item(LONG[3])
    found = [other, item("a/test_quick.py"), one]
    order(found)
    assert found[:2] == [other, one]


def test_every_long_file_is_there():
    assert [name for name in LONG if not (TESTS / name).is_file()] == []

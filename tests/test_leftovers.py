"""What the fixture `nothing_is_left_behind` would see."""

import os
import subprocess
import sys

from tests.leftovers import MARK, leftovers

PATIENCE_S = 60.0
RUN, FAMILY = f"a run of {os.getpid()}", f"a family of {os.getpid()}"
IDLE = "import time; print('up', flush=True); time.sleep(600)"
PARENT = f"import subprocess as s, sys; s.Popen([sys.executable, '-c', {IDLE!r}])"


def start(code, run):
    """Start a program that says when it is up."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, MARK: run},
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    return process


def test_a_process_is_left_behind_until_it_has_ended():
    with start(IDLE, RUN) as process:
        assert list(leftovers(RUN, 0)) == [process.pid]
        assert leftovers("another run", 0) == {}
        process.kill()
        assert leftovers(RUN, PATIENCE_S) == {}


def test_a_grandchild_whose_parent_has_ended_is_found_too():
    with start(PARENT, FAMILY) as parent:
        parent.wait()
        [(orphan, command)] = leftovers(FAMILY, 0).items()
        assert "time.sleep" in command
        os.kill(orphan, 9)
        assert leftovers(FAMILY, PATIENCE_S) == {}

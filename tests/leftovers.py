"""Processes that a run of tests has started and not ended."""

import os
import time
from pathlib import Path

MARK = "VITALS_TEST_RUN"  # in the environment of all that a test starts


def leftovers(run: str, patience_s: float) -> dict[int, str]:
    """Give the command lines, by process id, of what a run has left behind.

    What is about to end is given `patience_s` to do so.
    """
    end = time.monotonic() + patience_s
    while (found := _alive(run)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _alive(run):
    mark = f"{MARK}={run}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                found[int(folder.name)] = os.fsdecode(b" ".join(words)).strip()
        except OSError:  # ended meanwhile, or not ours to read
            continue
    found.pop(os.getpid(), None)
    return found

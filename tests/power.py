"""A power cut: what was written and not yet synced may be gone, in any part.

A writer runs under strace; from its calls on its files we build the disk as a power cut
could leave it.  Whatever is dirty may be on the disk or not, sector by sector, in any
order; a name is there for sure once its folder has been synced.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree, which
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SECTOR = 512
CALLS = "openat,pwrite64,ftruncate,fsync,fdatasync,unlink,write"
LINE = re.compile(r"\d+ +(\w+)\((.*)\) += \d+")
BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>")
ENDED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>.*= \d+")
HERE = r"(?:AT_FDCWD(?:<[^>]*>)?, )?"  # first argument of openat
FILE = re.compile(HERE + r'(?:\d+<([^>]*)>|"([^"]*)")(?:, (.*))?$')

needs_strace = pytest.mark.skipif(which("strace") is None, reason="needs strace")


class Call(NamedTuple):
    """What a writer asked of one of its files."""

    name: str  # "." is the folder
    call: str
    content: bytes = b""
    place: int = 0  # of the content; or a new length


def trace(folder, script, *arguments):
    """Run a writer on a folder, which it is given first; give its calls there."""
    with tempfile.TemporaryDirectory() as elsewhere:
        log = Path(elsewhere) / "trace"
        strace = [
            "strace",
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-y",
            "-xx",
            "-s",
            "9000000",
            "-o",
            log,
        ]
        writer = [sys.executable, "-c", script, folder, *arguments]
        command = [*strace, "-e", f"trace={CALLS}", *writer]
        subprocess.run(command, check=True, cwd=ROOT)
        for call, asked in _lines(log.read_text().splitlines()):
            if found := _call(folder, call, asked):
                yield found


def _lines(lines):
    """Give (call, arguments); threads at once make strace write a call in two lines.

    A write counts from its beginning, a sync from its end.
    """
    syncs = {}
    for line in lines:
        if found := LINE.match(line):
            yield found.groups()
        elif found := BEGUN.match(line):
            process, call, arguments = found.groups()
            if call in ("fsync", "fdatasync"):
                syncs[process] = call, arguments
            else:
                yield call, arguments
        elif (found := ENDED.match(line)) and found[1] in syncs:
            yield syncs.pop(found[1])


def _call(folder, call, arguments):
    if call == "openat" and "O_CREAT" not in arguments:
        return None
    found = FILE.match(arguments)
    if not found:
        return None
    opened, path, rest = found.groups()
    name = Path(_text(opened or path))
    if name == folder:
        return Call(".", call)
    if name.parent != folder:
        return None
    content = re.match(r'"([^"]*)"', rest or "")
    place = re.search(r"(\d+)$", rest or "")
    return Call(
        name.name,
        call,
        _unhex(content[1]) if content else b"",
        int(place[1]) if place else 0,
    )


def _unhex(escaped):
    return bytes.fromhex(escaped.replace("\\x", ""))


def _text(escaped):
    return _unhex(escaped).decode() if escaped.startswith("\\x") else escaped


class Disk:
    """Files as they are for sure, and the writes on their way."""

    def __init__(self, seed):
        self.files, self.pending, self.born = {}, {}, set()
        self.random = random.Random(seed)

    def apply(self, call):
        name = call.name
        if call.call in ("fsync", "fdatasync"):
            if name == ".":
                self.born.clear()
                return
            file = self.files.setdefault(name, bytearray())
            for write in self.pending.pop(name, ()):
                _put(file, *write)
        elif call.call in ("pwrite64", "write", "ftruncate"):
            self.pending.setdefault(name, []).append(call[1:])
        elif call.call == "openat":
            if name not in self.files and name not in self.pending:
                self.born.add(name)
        elif call.call == "unlink":
            self.files.pop(name, None)
            self.pending.pop(name, None)

    def cut(self, folder, share):
        """Write the files as a power cut leaves them, `share` of the dirty sectors."""
        for name in sorted({*self.files, *self.pending}):  # the dice fall in one order
            if name.endswith("-shm"):  # memory, by another name
                continue
            if name in self.born and self.random.random() >= share:
                continue
            file = bytearray(self.files.get(name, b""))
            for call, content, place in self.pending.get(name, ()):
                for at in range(0, max(len(content), 1), SECTOR):
                    if self.random.random() < share:
                        _put(file, call, content[at : at + SECTOR], place + at)
            (folder / name).write_bytes(file)


def _put(file, call, content, place):
    if call == "ftruncate":
        del file[place:]
        file.extend(bytes(place - len(file)))
        return
    file.extend(bytes(max(0, place + len(content) - len(file))))
    file[place : place + len(content)] = content


@contextmanager
def scratch():
    """Give a folder where images cost no disk, for the time of a block."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="vitals-power-", dir=place))
    try:
        yield folder
    finally:
        rmtree(folder)

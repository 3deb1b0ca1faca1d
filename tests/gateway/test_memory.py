"""The gateway on BlueZ is to take 38 MB with 20 wearables: what importing it takes."""

import platform
import resource
import subprocess
import sys

import pytest

from tests.test_architecture import ROOT

# What `vitals run gateway` imports before it hears its first wearable.
GATEWAY = """
import sys
from vitals.cli import parser
parser().parse_args(["run", "gateway"])
import vitals.cli.stages, gateway.service, gateway.agent, gateway.adapter
import bleak.backends.bluezdbus.client, bleak.backends.bluezdbus.scanner
from gateway.policy import policy
from vitals.config import Gateway
policy(Gateway())
"""
MEMORY = "print(open('/proc/self/statm').read().split()[1])"

# Each was imported once, and is not needed; the compressors came with shutil.
NEEDLESS = {
    *("bz2", "lzma", "shutil", "zoneinfo", "sysconfig", "statistics"),
    *("http", "email", "tempfile", "multiprocessing", "importlib.metadata"),
    *("bumble", "cryptography", "firmware_sim", "vitals.broker", "vitals.cli.screen"),
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="BlueZ is Linux's")


HOLES = """
keep = [bytes(1000) for _ in range(20_000)]
del keep[:-1]
"""
THREAD = """
import ctypes, threading
def work():
    for _ in range(1000): bytes(1000)
one = threading.Thread(target=work); one.start(); one.join()
ctypes.CDLL(None).malloc_stats()
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc")


def ran(*lines):
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)


def said(*lines):
    return set(ran(*lines).stdout.split())


def megabytes(*lines):
    [pages] = said(*lines, MEMORY)
    return int(pages) * resource.getpagesize() / 1e6


def heaps(*lines):
    return ran(*lines, THREAD).stderr.count("Arena")


def test_the_way_through_bluez_imports_nothing_needless():
    assert not said(GATEWAY, "print(*sys.modules)") & NEEDLESS


def test_a_needless_import_is_noticed():
    assert said(GATEWAY, "import shutil; print(*sys.modules)") & NEEDLESS


def test_importing_the_way_through_bluez_leaves_room_in_38_mb():
    said(GATEWAY)  # it may compile
    trim = "from gateway.memory import trim; trim()"
    taken = (megabytes(GATEWAY, trim) for _ in range(5))  # each a little different
    assert any(one < 33.8 for one in taken)  # 32.6 as of writing


@glibc
def test_trimming_gives_the_holes_in_the_heap_back():
    trim = "from gateway.memory import trim"
    assert megabytes(trim, HOLES, "trim()") < megabytes(trim, HOLES) - 15


@glibc
def test_threads_share_one_heap():
    share = "from gateway.memory import share_heap"
    assert heaps(share, "share_heap()") == 1
    assert heaps(share) == 2  # the control

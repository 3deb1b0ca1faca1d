"""The gateway on BlueZ is to take 38 MB with 20 wearables: what importing it takes."""

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


def said(*lines):
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_the_way_through_bluez_imports_nothing_needless():
    assert not said(GATEWAY, "print(*sys.modules)") & NEEDLESS


def test_a_needless_import_is_noticed():
    assert said(GATEWAY, "import shutil; print(*sys.modules)") & NEEDLESS


def test_importing_the_way_through_bluez_leaves_room_in_38_mb():
    said(GATEWAY)  # it may compile
    [pages] = said(GATEWAY, "from gateway.memory import trim; trim()", MEMORY)
    assert int(pages) * resource.getpagesize() / 1e6 < 33.8  # 32.6 as of writing

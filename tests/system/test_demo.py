"""`vitals demo` as a user runs it, and a recorded heart through it."""

import json
import math
import subprocess
import sys

import pytest

from benchmarks.recorded_heart import play

pytestmark = pytest.mark.slow

SMALL_PI_MB = 1024  # the least that a Raspberry Pi 4 or 5 has


def test_a_recorded_heart_arrives_whole(tmp_path):
    # Not a recording: irregular on purpose, so that no two stretches are alike.
    heart = [800 + 150 * math.sin(n * 1.7) + 90 * math.sin(n * n) for n in range(400)]
    summary, figures = play(heart, 20, tmp_path)
    assert figures["within_a_tick"], figures
    assert figures["intervals"] == figures["intervals_sent"] > 10
    assert summary["sent"] == summary["stored"]
    assert (summary["lost"], summary["duplicates"]) == (0, 0)
    demo = json.loads((tmp_path / "data" / "demo.json").read_text())
    assert {user["role"] for user in demo["users"]} == {"patient", "clinician"}


# Apart, for a process counts as its own what the one that it was forked from had.
MEASURE = """
import os, resource, sys
code = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def test_d16_the_whole_house_and_its_wearables_fit_into_half_of_a_small_pi(tmp_path):
    options = "--seconds", "8", "--port", "0", "--data", str(tmp_path / "data")
    summary = tmp_path / "summary.json"
    # Compiling, once after an installation, takes more.
    subprocess.run([sys.executable, "-c", "import dsp.ward as w; w.warm()"], check=True)
    command = [sys.executable, "-m", "vitals", "demo", *options]
    measured = [sys.executable, "-c", MEASURE, *command, "--summary", str(summary)]
    done = subprocess.run(measured, stdout=subprocess.PIPE, text=True, check=True)
    used_mb = int(done.stdout.split()[-1]) / 1024
    told = json.loads(summary.read_text())
    assert told["sent"] == told["stored"] > 0
    assert 30 < used_mb < SMALL_PI_MB / 2  # 30: what bare Python has not


def test_comparing_notices_a_lost_or_doubled_interval():
    from benchmarks.recorded_heart import compare

    heart = [800 + 150 * math.sin(n * 1.7) for n in range(50)]
    assert compare(heart, heart[:40])["within_a_tick"]
    assert not compare(heart, heart[:20] + heart[21:40])["within_a_tick"]
    assert not compare(heart, heart[:20] + heart[19:40])["within_a_tick"]

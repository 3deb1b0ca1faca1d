"""`vitals demo` as a user runs it, and a recorded heart through it."""

import json
import math

import pytest

from benchmarks.recorded_heart import play

pytestmark = pytest.mark.slow


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


def test_comparing_notices_a_lost_or_doubled_interval():
    from benchmarks.recorded_heart import compare

    heart = [800 + 150 * math.sin(n * 1.7) for n in range(50)]
    assert compare(heart, heart[:40])["within_a_tick"]
    assert not compare(heart, heart[:20] + heart[21:40])["within_a_tick"]
    assert not compare(heart, heart[:20] + heart[19:40])["within_a_tick"]

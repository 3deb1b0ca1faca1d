"""python -m benchmarks.power: confirmed means stored, under power cuts and SIGKILL.

A recorder confirms readings while its disk is cut off at every call (any part of the
dirty sectors is there or not), is killed at every call, and at random moments; three
controls do the same wrongly, and must lose.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks import results
from tests.gateway.test_power import at_every_call, cut, shots


def measure(kills):
    with tempfile.TemporaryDirectory() as name:
        return {
            "power_cuts": _cuts(Path(name) / "cuts"),
            "control_synchronous_normal": _cuts(
                Path(name) / "normal", synchronous="NORMAL", rounds=15, per_call=1
            ),
            "control_confirming_first": _cuts(
                Path(name) / "early", early="early", rounds=15, per_call=1
            ),
            "kill_at_every_call": _points(Path(name) / "points"),
            "control_confirming_first_at_every_call": _points(
                Path(name) / "early-points", "early"
            ),
            "kill_at_random": _shots(Path(name) / "shots", kills),
            "control_confirming_first_at_random": _shots(
                Path(name) / "early-shots", min(kills, 10), "long before"
            ),
        }


def _cuts(folder, **options):
    folder.mkdir()
    images, lost = cut(folder, **options)
    return {"images": images, "images_with_losses": lost}


def _points(folder, early=""):
    folder.mkdir()
    points = dict(at_every_call(folder, early))
    return {
        "points": len(points),
        "points_with_losses": sum(map(bool, points.values())),
    }


def _shots(folder, kills, early=""):
    folder.mkdir()
    return {"kills": kills, "kills_with_losses": shots(folder, kills, early)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    found = measure(parser.parse_args().kills)
    results.save("power", found)
    print(json.dumps(found, indent=1))
    held = [found[name] for name in found if not name.startswith("control")]
    if any(value for one in held for key, value in one.items() if "losses" in key):
        sys.exit("something that was confirmed is lost")


if __name__ == "__main__":
    main()

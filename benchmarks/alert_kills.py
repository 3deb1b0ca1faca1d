"""python -m benchmarks.alert_kills: SIGKILL the alert engine, again and again.

Two hundred kills at random moments while anomalies pour in, nobody acknowledges and the
webhook refuses three of ten messages.  Everybody must have been told of everything that
concerns them, and a repetition must bear the same key and the same words.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import results
from tests.alerts.conftest import Receiver
from tests.alerts.night import Night

REFUSED = 0.3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    chosen = parser.parse_args()
    dice = random.Random(7)
    receiver = Receiver(lambda n: 503 if dice.random() < REFUSED else 204)
    try:
        with tempfile.TemporaryDirectory() as name:
            figures = night(Night(Path(name), receiver, "right"), chosen.kills)
    finally:
        receiver.close()
    results.save("alert_kills", figures)
    print(figures)
    sys.exit(bool(figures["lost"] or figures["differing"]))


def night(house, kills):
    """Kill an engine so often, let it finish; give the figures."""
    begun = time.monotonic()
    while house.kills < kills:
        house.keep_busy()
        # One life in two begins with what is new, the other with what was not told.
        house.kill(most_s=0.4, patient=house.kills % 2 == 0)
    house.finish()
    keys = [key for key, _ in house.told()]
    return {
        "kills": house.kills,
        "refused_pct": round(100 * REFUSED),
        "alerts": house.episodes,
        "notices": len(set(keys)),
        "lost": len(house.untold()),
        "unwritten": len(house.unwritten()),
        "posts": len(keys),
        "differing": len(house.differing()),
        "seconds": round(time.monotonic() - begun),
    }


if __name__ == "__main__":
    main()

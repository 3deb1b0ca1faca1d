"""python -m benchmarks.fuzz: every decoder against the oracle, at the full sizes.

Each decoder of `vitals.gatt`, and behind it the gateway's record, gets 200,000 damaged
values, 5,000 that Hypothesis invents, and every flags octet with every length.  An
exception but MalformedData, or a value other than the oracle's, is wrong and ends it.
"""

import argparse
import json
import sys
import time

from benchmarks import results
from tests import fuzz


def measure(structure, damaged, invented):
    start = time.process_time()
    try:
        taken = fuzz.damaged(structure, damaged)
        tried, of_these = fuzz.invented(structure, invented)
        table = fuzz.every_flag_and_length(structure)
    except Exception as error:  # whatever a decoder trips over
        return {"wrong": 1, "why": repr(error)}
    took = time.process_time() - start
    return {
        "damaged": damaged,
        "damaged_refused": damaged - taken,
        "invented": tried,
        "invented_refused": tried - of_these,
        "flags_and_lengths": table,
        "judged_per_s": round((damaged + tried + table) / took),
        "wrong": 0,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--damaged", type=int, default=200_000)
    parser.add_argument("--invented", type=int, default=5_000)
    chosen = parser.parse_args()
    found = {}
    for structure in fuzz.SEEDS:
        one = measure(structure, chosen.damaged, chosen.invented)
        found[structure.__name__] = one
        print(structure.__name__, json.dumps(one), flush=True)
    results.save("fuzz", found)
    sys.exit(int(any(one["wrong"] for one in found.values())))


if __name__ == "__main__":
    main()

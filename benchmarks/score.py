"""python -m benchmarks score: what the detectors reach on real recordings.

Runs the project's scorer (`score_dsp.py`, beside the recordings' folder or in
`VITALS_SCORER`) over the recordings and keeps its figures.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import recordings, results

ROOT = Path(__file__).parent.parent


def scorer():
    """Give the scorer's path, or None where there is none."""
    found = recordings.folder()
    if found is None:
        return None
    beside = found.parent.parent / "tools" / "score_dsp.py"
    path = Path(os.environ.get("VITALS_SCORER", beside))
    return path if path.exists() else None


def main():
    script = scorer()
    if script is None:
        print("score: no recordings or scorer here (VITALS_DATA, VITALS_SCORER)")
        return
    with tempfile.TemporaryDirectory() as name:
        figures = Path(name) / "figures.json"
        where = ["--data", str(recordings.folder()), "--json", str(figures)]
        subprocess.run([sys.executable, str(script), *where], check=True, cwd=ROOT)
        found = json.loads(figures.read_text())
    found.pop("cpu_s", None)
    results.save("detectors", found)


if __name__ == "__main__":
    main()

"""`benchmarks/results.json`: the figures that the README quotes, written by running."""

import json
import platform
from pathlib import Path

PATH = Path(__file__).parent / "results.json"


def save(name, figures):
    """Put one benchmark's figures beside the others'."""
    everything = json.loads(PATH.read_text()) if PATH.exists() else {}
    everything["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    everything[name] = figures
    text = json.dumps(everything, indent=1, sort_keys=True, allow_nan=False)
    PATH.write_text(f"{text}\n")

"""`benchmarks/results.json`: the figures that the README quotes, written by running."""

import json
import platform
from pathlib import Path

PATH = Path(__file__).parent / "results.json"


def saved(name=None):
    """Give the figures of one benchmark, or of all."""
    everything = json.loads(PATH.read_text()) if PATH.exists() else {}
    return everything if name is None else everything.get(name, {})


def save(name, figures):
    """Put one benchmark's figures beside the others'."""
    everything = saved()
    everything["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    everything[name] = figures
    text = json.dumps(everything, indent=1, sort_keys=True, allow_nan=False)
    PATH.write_text(f"{text}\n")

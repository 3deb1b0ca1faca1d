"""`vitals export`: every stored record as JSON lines."""

import argparse
import sys
from pathlib import Path

import msgspec

from vitals import Reading, Unavailable, config, wire


def main(chosen: argparse.Namespace) -> None:
    """Print every record: subject, device and kind beside its own fields."""
    from ingest.store import open_history

    if chosen.data:
        data, store = Path(chosen.data), config.Store()
        if not (data / "store.db").exists():
            raise Unavailable(f"{data} holds no store.db: is it a demo's data folder?")
    else:
        settings = config.load(Path(chosen.config))
        data, store = Path(settings.data), settings.store
    history = open_history(store, data)
    for reading in history.export():
        sys.stdout.write(line(reading) + "\n")


def line(reading: Reading) -> str:
    """Put a reading into one line of JSON."""
    whose = {"subject": reading.subject, "device": reading.device}
    fields = msgspec.to_builtins(reading.record)
    return wire.encode({**whose, "kind": reading.kind, **fields}).decode()

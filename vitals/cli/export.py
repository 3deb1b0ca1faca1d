"""`vitals export`: every stored record as JSON lines, CSV, line protocol or FHIR."""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from vitals import Reading, Unavailable, config, wire
from vitals.model import RECORDS, Record

COMMON = ("subject", "device", "kind", *Record.__struct_fields__)
COLUMNS = list(
    dict.fromkeys(
        (*COMMON, *(f for r in RECORDS.values() for f in r.__struct_fields__))
    )
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def main(chosen: argparse.Namespace) -> None:
    """Print every record: subject, device and kind beside its own fields."""
    from ingest.store import open_history

    data, store = place(chosen)
    history = open_history(store, data)
    FORMATS[chosen.format](history.export)
    history.close()


def place(chosen: argparse.Namespace) -> tuple[Path, config.Store]:
    """Give the data folder and the store that `--data` or `--config` names."""
    if not chosen.data:
        settings = config.load(Path(chosen.config))
        return Path(settings.data), settings.store
    data = Path(chosen.data)
    if not (data / "store.db").exists():
        raise Unavailable(f"{data} holds no store.db: is it a demo's data folder?")
    return data, config.Store()


def line(reading: Reading) -> str:
    """Put a reading into one line of JSON."""
    return wire.encode(_flat(reading)).decode()


def cells(reading: Reading) -> dict[str, str]:
    """Put a reading into the cells of a table; a list is one cell, spaced.

    >>> from vitals import HeartRate
    >>> found = cells(Reading("p-1", "strap-1", HeartRate(t=5, hr=60.0, rr=(1.0, 2.0))))
    >>> found["hr"], found["rr"], found["gateway"]
    ('60.0', '1.0 2.0', '')
    """
    flat = _flat(reading)
    return {name: _cell(flat.get(name)) for name in COLUMNS}


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return _cell(" ".join(map(str, value)))
    text = str(value)
    # A word from elsewhere could be a formula; our own numbers are none.
    harmless = not isinstance(value, str) or not text.startswith(FORMULA)
    return text if harmless else f"'{text}"


def _flat(reading: Reading) -> dict[str, Any]:
    whose = {"subject": reading.subject, "device": reading.device}
    fields = msgspec.to_builtins(reading.record)
    return {**whose, "kind": reading.kind, **fields}


Readings = Callable[[], Iterator[Reading]]


def _json(readings: Readings) -> None:
    for reading in readings():
        sys.stdout.write(line(reading) + "\n")


def _csv(readings: Readings) -> None:
    table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    table.writeheader()
    for reading in readings():
        table.writerow(cells(reading))


def _line(readings: Readings) -> None:
    from ingest.lines import lines

    for reading in readings():
        sys.stdout.write(lines(reading) + "\n")


def _fhir(readings: Readings) -> None:
    from portal.fhir.observations import observations
    from portal.fhir.people import device, patient
    from portal.fhir.resources import Resource, encode

    def write(resource: Resource) -> None:
        sys.stdout.write(encode(resource).decode() + "\n")

    known = set[tuple[str, ...]]()
    for reading in readings():
        whose, which = (reading.subject,), (reading.subject, reading.device)
        if whose not in known:
            write(patient(*whose))
        if which not in known:
            write(device(*which))
        known |= {whose, which}
        for observation in observations(reading):
            write(observation)


FORMATS = {"json": _json, "csv": _csv, "line": _line, "fhir": _fhir}

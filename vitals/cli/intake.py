"""`vitals import`: exported JSON lines into the store; `vitals migrate`: into InfluxDB.

Both may be repeated: what is there already stays one.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from msgspec.json import decode, encode
from msgspec.structs import replace

from vitals import ConfigError, MalformedData, Reading, Unavailable, config, wire
from vitals.cli.progress import Progress
from vitals.clock import monotonic, now
from vitals.wire import Message

if TYPE_CHECKING:
    from ingest.store import Store

BATCH = 5000
SHOWN = 5  # refused records that are told one by one


def read(chosen: argparse.Namespace) -> None:
    """Store the records of a file; exit code 1 if one was malformed or refused."""
    from ingest.store import open_store

    settings = config.load(Path(chosen.config)) if not chosen.data else config.Config()
    data = Path(chosen.data or settings.data)
    store = open_store(settings.store, data)
    try:
        with _opened(chosen.file) as file:
            # The size of a file tells how far it is; a pipe has none.
            total = 0 if chosen.file == "-" else _lines(chosen.file)
            new, repeated = copy(store, parse(file, chosen.file), "importing", total)
    finally:
        store.close()
    print(f"{new:,} records imported, {repeated:,} were there already")


def migrate(chosen: argparse.Namespace) -> None:
    """Copy the SQLite store of the data folder into the configured InfluxDB."""
    from ingest.store import open_history, open_store

    settings = config.load(Path(chosen.config))
    if settings.store.kind != "influx":
        raise ConfigError(f"{chosen.config}: set store.kind = 'influx': whereto?")
    data = Path(chosen.data or settings.data)
    if not (data / "store.db").exists():
        raise Unavailable(f"{data} holds no store.db to migrate")
    # As SQLite's own door: an older version's file is brought up to date first.
    open_store(replace(settings.store, kind="sqlite"), data).close()
    source = open_history(replace(settings.store, kind="sqlite"), data)
    target = open_store(settings.store, Path(settings.data))
    try:
        total = source.count()
        copy(target, source.export(), "migrating", total)
        _roll(target)
        check(source.count(), target.count())
    finally:
        target.close()
        source.close()
    print(f"{total:,} records are in {settings.store.url}; store.db is as it was")


def copy(
    store: "Store", readings: Iterable[Reading], what: str, total: int
) -> tuple[int, int]:
    """Write readings; give how many were new and how many there already.

    Raises
    ------
    Unavailable
        The store refused some, or is away.
    """
    new = repeated = 0
    refused: list[tuple[Reading, str]] = []
    with Progress(what, total, monotonic) as progress:
        for batch in _batches(readings):
            written = store.write(batch)
            new, repeated = new + written.new, repeated + written.repeated
            refused += written.refused
            progress.add(len(batch))
    if refused:
        told = "; ".join(
            f"{r.device} t={r.record.t}: {why}" for r, why in refused[:SHOWN]
        )
        raise Unavailable(
            f"{len(refused)} records were refused, the others are in: {told}"
        )
    return new, repeated


def check(source: int, target: int) -> None:
    """Compare the numbers of records.

    Raises
    ------
    Unavailable
        The target has fewer.
    """
    if target < source:
        raise Unavailable(
            f"{source - target} of {source} records are missing; is vitals run ingest"
            " writing into store.db? stop it, then migrate again"
        )


def parse(file: Iterable[bytes], name: str) -> Iterator[Reading]:
    """Read what `vitals export` wrote.

    Raises
    ------
    MalformedData
        A line is no record; what came before it is stored.
    """
    for number, text in enumerate(file, 1):
        if text.strip():
            try:
                fields = decode(text)
                whose = fields.pop("subject"), fields.pop("device"), fields.pop("kind")
                yield from wire.unpack(Message(wire.of(*whose), encode(fields)))
            except (*wire.UNREADABLE, AttributeError, TypeError) as error:
                why = f"{name}, line {number}: not a record of `vitals export`: {error}"
                raise MalformedData(why) from error
            except MalformedData as error:
                raise MalformedData(f"{name}, line {number}: {error}") from error


def _batches(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    """Cut readings into batches; what came before a malformed one is a batch, too."""
    batch: list[Reading] = []
    try:
        for reading in readings:
            batch.append(reading)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except MalformedData:
        yield batch
        raise
    yield batch


def _roll(store: "Store") -> None:
    """Make the rollups, until nothing is due."""
    idle = 0
    while idle < 2:  # what was just written is left alone once
        idle = 0 if store.tend(now()) else idle + 1


def _opened(name: str) -> IO[bytes]:
    return sys.stdin.buffer if name == "-" else Path(name).open("rb")


def _lines(name: str) -> int:
    """Count a file's lines."""
    with Path(name).open("rb") as file:
        return sum(
            block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")
        )

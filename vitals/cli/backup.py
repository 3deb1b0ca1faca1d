"""`vitals backup` and `vitals restore`: everything under `data`, while it is in use.

Each database is copied by SQLite's own backup in one go: a snapshot, which keeps no
writer waiting.  The order makes the snapshots fit: records go from the outbox to the
store to the ledger, so the outbox is copied first and the store last, and no record
that one of them let go is missing from the next.
"""

import argparse
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from vitals import ConfigError, Unavailable, __version__, config
from vitals.clock import now

FIRST = ("gateway.db", "dsp.npz", "ledger.db")
LAST = ("people.db", "notes.db", "alerts.db", "rollups.db", "store.db")
MANIFEST = "manifest.json"
MAGIC = b"SQLite format 3\0"
SIDES = ("", "-wal", "-shm")  # the files of one database in use


class Manifest(Struct, forbid_unknown_fields=True):
    """What a backup holds."""

    version: str
    t: int  # ms
    files: dict[str, str]  # SHA-256 by name


def backup(chosen: argparse.Namespace) -> None:
    """Copy everything into a new folder, whole or not at all."""
    data, target = _data(chosen), Path(chosen.folder)
    if target.exists():
        raise ConfigError(f"{target} is there already; name a new folder")
    names = list(_names(data))
    if not names:
        raise Unavailable(f"{data} holds nothing to back up; see `data` or --data")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        files = {name: _copy(data / name, part / name) for name in names}
        manifest = Manifest(__version__, now(), files)
        _write(part / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        _sync(part)
        part.rename(target)
        _sync(target.absolute().parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    octets = sum((target / name).stat().st_size for name in names)
    print(f"{target}: {', '.join(names)} ({octets / (1 << 20):.1f} MB)")
    if "store.db" not in names:
        print("the records are not in it: InfluxDB has a backup of its own")


def restore(chosen: argparse.Namespace) -> None:
    """Put a backup's files into the data folder; what was there is moved aside."""
    source, data = Path(chosen.folder), _data(chosen)
    manifest = _check(source)
    data.mkdir(parents=True, exist_ok=True)
    present = list(_names(data))
    for name in present:
        refuse_in_use(data / name)
    aside = data / time.strftime("before-restore-%Y%m%d-%H%M%S")
    # All of them: a newer ledger beside an older store would promise what is not there.
    for name in present:
        _set_aside(data, aside, name)
    for name in manifest.files:
        new = data / f".{name}.new"
        shutil.copyfile(source / name, new)
        _own(new, data)
        _write(new)
        new.rename(data / name)
    _sync(data)
    told = f"; what was there is in {aside}" if present else ""
    print(f"{', '.join(manifest.files)} of {source} are in {data}{told}")


def _names(data: Path) -> Iterator[str]:
    """Give the files to back up, in the order that makes them fit."""
    others = {path.name for path in data.glob("*.db") if _is_sqlite(path)}
    others |= {path.name for path in data.glob("bonds-*.json")}
    for name in (*FIRST, *sorted(others.difference(FIRST, LAST)), *LAST):
        if (data / name).is_file():
            yield name


def _is_sqlite(path: Path) -> bool:
    """Tell whether a file is SQLite's; mosquitto calls its own `.db` as well."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _copy(source: Path, target: Path) -> str:
    """Copy one file as it is at one moment; give its digest."""
    if source.suffix == ".db":
        try:
            _snapshot(source, target)
        except sqlite3.Error as error:
            raise Unavailable(f"{source}: cannot be backed up: {error}") from error
    else:
        shutil.copyfile(source, target)  # its owner replaces it, whole
    _write(target)
    return _digest(target)


def _snapshot(source: Path, target: Path) -> None:
    """Copy a database and check the copy."""
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=30)) as ours,
        closing(sqlite3.connect(target)) as copy,
    ):
        ours.backup(copy)
        # One file: the copy needs no write-ahead log beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        [[said]] = copy.execute("PRAGMA quick_check(1)")
    if said != "ok":
        raise Unavailable(f"{source} is damaged ({said}); the backup was not made")


def _check(source: Path) -> Manifest:
    """Read a backup's manifest, and its files against it.

    Raises
    ------
    Unavailable
        It is no backup, or not as it was made.
    """
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise Unavailable(f"{source} is no backup of ours: {error}") from error
    for name, digest in manifest.files.items():
        if Path(name).name != name or not (source / name).is_file():
            raise Unavailable(f"{source}: {name} is missing")
        if _digest(source / name) != digest:
            raise Unavailable(f"{source}: {name} is not as it was backed up")
    return manifest


def refuse_in_use(path: Path) -> None:
    """Refuse to pull a database away from whoever has it open.

    To leave the write-ahead log, SQLite wants the file for itself.
    """
    if path.suffix != ".db":
        return
    try:
        with closing(sqlite3.connect(path, timeout=0.2)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise Unavailable(f"{path} is in use: stop vitals first") from error


def _set_aside(data: Path, aside: Path, name: str) -> None:
    """Move a file away, and what belongs to it."""
    aside.mkdir(exist_ok=True)
    _own(aside, data)
    for side in SIDES:
        if (data / f"{name}{side}").exists():
            (data / f"{name}{side}").rename(aside / f"{name}{side}")


def _own(path: Path, like: Path) -> None:
    """Give a file to the owner of the data folder; only root has to."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _data(chosen: argparse.Namespace) -> Path:
    return Path(chosen.data or config.load(Path(chosen.config)).data)


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _write(path: Path, content: bytes | None = None) -> None:
    """Write a file, or one that is written already, to the disk."""
    with path.open("ab" if content is None else "wb") as file:
        file.write(content or b"")
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make a folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Checks of this machine: Python, packages, secrets, the data folder, disk, clock."""

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from vitals import Instant, config
from vitals.cli.doctor.finding import Finding, ok, problem, warning

NEEDED = ("bleak", "paho-mqtt", "msgspec")
MORE = ("fastapi", "uvicorn", "numba", "influxdb-client", "bumble")
ROOM, LITTLE = 1 << 30, 64 << 20  # octets free: enough, and too few
FIRST_YEAR = 2025  # before it this software did not exist
CHECK_S = 20.0  # for each database


def python(version: tuple[int, ...], widest: int = sys.maxsize) -> Finding:
    """Check the interpreter."""
    text = ".".join(map(str, version[:3]))
    if version < (3, 11):
        advice = "install 3.11 or newer (Debian 12 has it)"
        return problem("python", f"{text} is too old; {advice}")
    if widest < 1 << 32:
        advice = "install the 64-bit system"
        return problem("python", f"{text} has 32 bits only; {advice}")
    return ok("python", text)


def packages(needed: Sequence[str] = NEEDED, more: Sequence[str] = MORE) -> Finding:
    """Check what is installed; what a gateway can do without is only listed."""
    versions = {name: _version(name) for name in (*needed, *more)}
    missing = [name for name in needed if not versions[name]]
    if missing:
        advice = "pip install vitals, into its own virtual environment"
        return problem("packages", f"{', '.join(missing)} not installed; {advice}")
    there = ", ".join(f"{name} {found}" for name, found in versions.items() if found)
    return ok("packages", there)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def secrets(settings: config.Config) -> Iterator[Finding]:
    """Check that each file of a secret can be read, by us alone."""
    mqtt, store, alerts = settings.mqtt, settings.store, settings.alerts
    named = {
        "mqtt.password_file": mqtt.password_file,
        "mqtt.key": mqtt.key,
        "store.authorization_file": store.authorization_file,
        "alerts.webhook_secret_file": alerts.webhook_secret_file,
        "watchdog.url_file": settings.watchdog.url_file,
    }
    for place, worn in enumerate(settings.gateway.wearables):
        named[f"gateway.wearables[{place}].passkey_file"] = worn.passkey_file
    for channel in alerts.channels:
        named[f"alerts.channels.{channel.name}.url_file"] = channel.url_file
    used = {key: config.located(path) for key, path in named.items() if path}
    told = (_secret(key, Path(path)) for key, path in used.items())
    found = [one for one in told if one is not None]
    text = f"{len(used)} files" if used else "none configured"
    yield from found or [ok("secrets", text)]


def watchdog(settings: config.Watchdog) -> Finding:
    """Check that somebody is told when nobody can alert."""
    if settings.url_file:
        return ok("watchdog", f"watches {', '.join(settings.stages)}")
    text = "nobody is told when the alert engine dies; set watchdog.url_file"
    return warning("watchdog", text)


def _secret(key: str, path: Path) -> Finding | None:
    try:
        with path.open("rb"):
            mode = path.stat().st_mode
    except OSError as error:
        return problem("secrets", f"{key}: {path}: {error.strerror}; make it readable")
    if mode & 0o077:
        return problem("secrets", f"{key}: others may read it; chmod 600 {path}")
    return None


def data(folder: Path) -> Finding:
    """Check that we may write where everything is kept; make nothing."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    advice = "run this as the user that runs vitals (sudo -u), or change `data`"
    if not nearest.is_dir():
        return problem("data folder", f"{nearest} is no folder; change `data`")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return problem("data folder", f"{nearest}: we may not write there; {advice}")
    if nearest is not folder:
        return ok("data folder", f"{folder} will be made at the first start")
    loose = _loose(folder)
    if loose:
        what = f"others may read {loose}, a patient's data"
        return problem("data folder", f"{what}; chmod -R go= {folder}")
    return ok("data folder", str(folder))


def _loose(folder: Path) -> str:
    """Name a file that others may read; a closed folder protects what is in it."""
    if not folder.stat().st_mode & 0o007:
        return ""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return next((path.name for path in files if path.stat().st_mode & 0o077), "")


def room(folder: Path) -> Finding:
    """Check that there is room on the disk of a folder, which need not exist."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(nearest).free
    text, advice = f"{free / (1 << 30):.1f} GiB free", "make room, or move `data`"
    if free < LITTLE:
        text = f"{free >> 20} MiB free: nothing can be kept soon"
        return problem("disk room", f"{text}; {advice}")
    if free < ROOM:
        return warning("disk room", f"{text}; {advice}")
    return ok("disk room", text)


def databases(folder: Path) -> Iterator[Finding]:
    """Check every SQLite file with its own quick check."""
    files = sorted(folder.glob("*.db")) if folder.is_dir() else []
    sick = {path: words for path in files if (words := _sickness(path))}
    for path, words in sick.items():
        advice = "stop vitals, move the file away, take it from a backup"
        yield problem("databases", f"{path.name}: {words}; {advice}")
    if not sick:
        names = ", ".join(path.name for path in files)
        yield ok("databases", f"sound: {names}" if files else "none yet")


def ledger(folder: Path) -> Iterator[Finding]:
    """Check that nobody has forged who changed what about whom alerts reach."""
    from alerts.ledger import verify

    if not (folder / "alerts.db").exists():
        return
    try:
        words = verify(folder)
    except sqlite3.Error:
        return  # `databases` says what is wrong with it
    if words:
        advice = "compare it with a backup: somebody has changed the file by hand"
        yield problem("alert ledger", f"{words}; {advice}")


def _sickness(path: Path) -> str:
    """Say what is wrong with a database, "" when nothing is (or it takes too long)."""
    until = time.monotonic() + CHECK_S
    try:
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)
    except sqlite3.Error as error:
        return str(error)
    try:
        db.set_progress_handler(lambda: time.monotonic() > until, 100_000)
        [(words,), *_] = db.execute("PRAGMA quick_check(1)")
    except sqlite3.Error as error:
        return "" if str(error) == "interrupted" else str(error)
    finally:
        db.close()
    return "" if words == "ok" else " ".join(words.split())


def clock(now: Instant, synchronised: bool | None) -> Finding:
    """Check the wall clock: what it says is on every record.

    Parameters
    ----------
    synchronised
        What the gateway believes too (`gateway.synchrony`); None: not asked.
    """
    read = time.gmtime(now / 1000)
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", read)
    if read.tm_year < FIRST_YEAR:
        advice = "wait for the network's time, or set it: timedatectl set-time"
        return problem("clock", f"{text} cannot be; {advice}")
    if synchronised is False:
        what = "not synchronised: records will be marked clock_unsynced"
        advice = "timedatectl set-ntp true (apt install systemd-timesyncd)"
        return warning("clock", f"{text}, {what}; {advice}")
    return ok("clock", f"{text}, synchronised" if synchronised else text)

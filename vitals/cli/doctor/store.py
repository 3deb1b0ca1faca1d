"""Checks of the store of records and of the portal's port."""

import errno
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from vitals import Instant, VitalsError, config
from vitals.cli.doctor.finding import Finding, ok, problem, warning
from vitals.plurals import several

PATIENCE_S = 5.0
REFUSED = (401, 403)
WEEK = 7 * 86_400_000  # ms


def store(settings: config.Store, folder: Path) -> Finding:
    """Check that records can be kept and found."""
    if settings.kind == "influx":
        return influx(settings)
    try:
        from ingest.store import open_history
    except ImportError:
        return ok("store", "not on this machine")
    try:
        history = open_history(settings, folder)
        try:
            return ok("store", f"sqlite, {history.count()} records")
        finally:
            history.close()
    except VitalsError as error:
        return problem("store", str(error))


def letters(folder: Path, now: Instant) -> Iterator[Finding]:
    """Check that nothing has come lately that could not be stored."""
    from ingest.completeness import buried

    if not (folder / "ledger.db").exists():
        return
    try:
        count = buried(folder, Instant(now - WEEK))
    except VitalsError:
        return  # `databases` says what is wrong with it
    if count:
        what = f"{several(count, 'thing')} in the last week that could not be stored"
        advice = "docs/store.md says how to see what, and why"
        yield warning("dead letters", f"{what}; {advice}")
    else:
        yield ok("dead letters", "none in the last week")


def influx(settings: config.Store) -> Finding:
    """Check InfluxDB: reach, version, login, and whether the database is there."""
    try:
        _, told = _ask(f"{settings.url}/ping", "")
        version = told.get("X-Influxdb-Version", "of unknown version")
        where = f"{settings.url}/query?db={quote(settings.database)}"
        body, _ = _ask(f"{where}&q={quote('SHOW RETENTION POLICIES')}", _word(settings))
    except urllib.error.HTTPError as error:
        return problem("store", f"{_refusal(settings, error)}")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        advice = "start it (apt install influxdb) or set store.url"
        return problem("store", f"no InfluxDB at {settings.url}: {why}; {advice}")
    except VitalsError as error:
        return problem("store", str(error))
    if b"database not found" in body:
        text = f"has no database {settings.database}; ingest makes it"
        return warning("store", f"InfluxDB {version} {text}")
    return ok("store", f"InfluxDB {version}")


def _word(settings: config.Store) -> str:
    return config.secret(settings.authorization_file)


def _refusal(settings: config.Store, error: urllib.error.HTTPError) -> str:
    where = f"InfluxDB at {settings.url}"
    if error.code in REFUSED:
        advice = "check the Authorization header in store.authorization_file"
        return f"{where} refuses us ({error.code} {error.reason}); {advice}"
    return f"{where}: {error.code} {error.reason}; check store.url"


def _ask(
    url: str, authorization: str, patience_s: float = PATIENCE_S
) -> tuple[bytes, Mapping[str, str]]:
    """Do a GET; give the body, and the headers whatever their case."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("it is no http:// or https:// address")
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=patience_s) as answer:
        return answer.read(1 << 16), answer.headers


def port(settings: config.Portal) -> Iterator[Finding]:
    """Check that the portal can have its port, or has it."""
    where = f"{settings.host}:{settings.port}"
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        yield _taken(where, error)
        return
    yield ok("portal", f"{where} is free")


def _taken(where: str, error: OSError) -> Finding:
    """Say why a port is not to be had; by ourselves it may be taken."""
    if error.errno == errno.EADDRINUSE:
        if _ours(where):
            return ok("portal", f"served at http://{where}")
        advice = "stop that, or set portal.port"
        return problem("portal", f"{where} is used by something else; {advice}")
    if error.errno == errno.EACCES:
        advice = "set portal.port to one from 1024 on, and put a proxy before it"
        return problem("portal", f"{where} is for root only; {advice}")
    return problem("portal", f"{where}: {error.strerror}; set portal.host")


def _ours(where: str) -> bool:
    """Tell whether a portal answers there."""
    host = where.replace("0.0.0.0", "127.0.0.1")
    try:
        body, _ = _ask(f"http://{host}/healthz", "", 1.0)
        return bool(json.loads(body)["status"] == "alive")
    except (OSError, ValueError, KeyError, TypeError):
        return False

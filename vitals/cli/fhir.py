"""`vitals fhir push`: one patient's records into a hospital's FHIR server.

Everything is created on the condition that its identifier is not there yet, so that a
push may be repeated: after a failure, or every night.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vitals import ConfigError, Instant, Kind, Reading, Unavailable, config
from vitals.cli.export import place

if TYPE_CHECKING:
    from ingest.store import History

SIZE = 100  # records of a transaction
PATIENCE_S = 60
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MEDIA_TYPE = "application/fhir+json"


def push(chosen: argparse.Namespace) -> None:
    """Send transactions, or print them."""
    from ingest.store import open_history
    from portal.fhir.bundles import transaction
    from portal.fhir.resources import encode

    headers = _headers(chosen)
    folder, store = place(chosen)
    history = open_history(store, folder)
    try:
        readings = _readings(history, chosen)
        created = there = 0
        while batch := list(islice(readings, SIZE)):
            body = encode(transaction(batch, chosen.known_as))
            if chosen.dry_run:
                sys.stdout.write(body.decode() + "\n")
                continue
            answer = _post(chosen.url, body, headers)
            made = [_made(entry) for entry in answer.get("entry", [])]
            created, there = created + sum(made), there + made.count(False)
        if not chosen.dry_run:
            print(f"{created} resources created, {there} were there already")
    finally:
        history.close()


def _readings(history: "History", chosen: argparse.Namespace) -> Iterator[Reading]:
    """Give the patient's records of the kinds and the time that are asked for."""
    from portal.fhir.timeline import END, forwards

    start = _moment(chosen.since) if chosen.since else Instant(0)
    stop = _moment(chosen.until) if chosen.until else END
    for kind in chosen.kind or [k for k in Kind if k is not Kind.BATTERY]:
        yield from forwards(history, chosen.patient, Kind(kind), start, stop)


def _moment(text: str) -> Instant:
    from portal.times import instant

    try:
        return instant(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _headers(chosen: argparse.Namespace) -> dict[str, str]:
    headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
    where = urlsplit(chosen.url or "")
    if not chosen.dry_run and where.scheme not in ("http", "https"):
        raise ConfigError(f"--url {chosen.url!r}: it begins with https:// or http://")
    if chosen.token_file:
        if where.scheme == "http" and where.hostname not in LOOPBACK:
            raise ConfigError("a token is only sent over https")
        headers["Authorization"] = f"Bearer {config.secret(chosen.token_file)}"
    return headers


def _post(url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """Send a transaction: all of it is done, or nothing."""
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read(2000).decode(errors="replace")
        raise Unavailable(f"{url} answers {error.code}: {_said(text)}") from error
    except (urllib.error.URLError, OSError) as error:
        raise Unavailable(f"{url}: {getattr(error, 'reason', error)}") from error
    except ValueError as error:
        raise Unavailable(f"{url} does not answer in JSON") from error
    return found


def _said(text: str) -> str:
    """Give the first diagnosis of an OperationOutcome, or what there is, in a line."""
    try:
        issue = json.loads(text)["issue"][0]
        text = issue.get("diagnostics") or issue["code"]
    except (ValueError, LookupError, TypeError):
        pass
    return " ".join(text.split())[:300]


def _made(entry: dict[str, Any]) -> bool:
    """Tell whether an entry was created, rather than there already."""
    return str(entry.get("response", {}).get("status", "")).startswith("201")

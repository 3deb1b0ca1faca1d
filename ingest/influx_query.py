"""One InfluxDB: asked in InfluxQL by `/query`, which 1.x, 2.x and 3.x all have."""

from collections.abc import Iterator
from ssl import SSLCertVerificationError, create_default_context
from typing import Any

from influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from msgspec import DecodeError
from msgspec.json import decode
from urllib3.exceptions import HTTPError, SSLError

from vitals import ConfigError, Unavailable
from vitals.config import Store as Settings

TIMEOUT_MS = 30_000

Row = dict[str, Any]


class Influx:
    """A server and a login; `client` is what `influxdb_client` knows of it."""

    def __init__(self, settings: Settings, authorization: str = "") -> None:
        self.settings = settings
        if settings.ca:
            _check(settings.ca)
        self.client = InfluxDBClient(
            settings.url,
            None,
            timeout=TIMEOUT_MS,
            org=settings.organisation or "-",
            ssl_ca_cert=settings.ca or None,
        )
        if authorization:
            self.client.api_client.set_default_header("Authorization", authorization)

    @property
    def rollups(self) -> str:
        """The database of the rollups."""
        return self.settings.rollup_database or self.settings.database

    def __str__(self) -> str:
        return f"InfluxDB at {self.settings.url}"

    def rows(self, statement: str, database: str = "") -> list[Row]:
        """Ask one thing in InfluxQL; give its rows by tag and column, times in ns.

        One at a time: of several, 1.6 says "not executed" and keeps the reason.
        """
        try:
            answer = self.call(
                "GET", db=database or self.settings.database, epoch="ns", q=statement
            )
            (result,) = decode(answer)["results"]
        except ApiException as error:
            if error.status == 404:  # no such database, yet
                return []
            raise self.away(error) from error
        except (HTTPError, DecodeError) as error:
            raise self.away(error) from error
        if "database not found" in result.get("error", ""):
            return []
        if "error" in result:
            raise self.away(Exception(result["error"]))
        return list(_rows(result))

    def call(self, method: str, **query: str) -> bytes:
        """Call `/query`."""
        response, *_ = self.client.api_client.call_api(
            "/query",
            method,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": "text/plain"},
            body=b"" if method == "POST" else None,
            _preload_content=False,
        )
        try:
            data: bytes = response.data
        finally:
            response.release_conn()
        return data

    def away(self, error: Exception) -> Unavailable:
        """Say what is wrong with the server in one line that says what to do."""
        hint = ""
        if distrust := _distrust(error):
            error = Exception(f"its certificate is not to be trusted: {distrust}")
            hint = "; check store.ca and store.url"
        elif isinstance(error, ApiException):
            if error.status in (401, 403):
                hint = "; check store.authorization_file"
            error = Exception(f"HTTP {error.status} {reason(error)}")
        return Unavailable(f"{self}: {error}{hint}")

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def _check(ca: str) -> None:
    """Refuse a file of certificates that cannot be used, before anybody is asked."""
    try:
        create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        raise ConfigError(f"store.ca: cannot use {ca}: {error}") from error


def _distrust(error: Exception) -> str:
    """Say why the server's certificate was refused, "" when it was not."""
    cause = error.__context__ if isinstance(error, ApiException) else error
    cause = getattr(cause, "reason", cause)  # of urllib3, when it has tried again
    inner = cause.args[0] if isinstance(cause, SSLError) and cause.args else None
    return inner.verify_message if isinstance(inner, SSLCertVerificationError) else ""


def _rows(result: dict[str, Any]) -> Iterator[Row]:
    """Give the rows of one statement's result."""
    for series in result.get("series", ()):
        for values in series["values"]:
            yield {
                **series.get("tags", {}),
                **dict(zip(series["columns"], values, strict=True)),
            }


def reason(error: ApiException) -> str:
    """Give what the server said, short."""
    body = error.body or error.reason or ""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    return str(body).strip()[:500]


def quoted(text: str) -> str:
    """Quote a string for InfluxQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def between(start: int, stop: int) -> str:
    """Bound the time of a query, in ms."""
    return f"time >= {start}ms AND time < {stop}ms"

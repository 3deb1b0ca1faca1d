"""What a store of records must do, and the door to the one that is configured."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from vitals import ConfigError, Instant, Kind, Metric, Reading, config


class Point(Struct, frozen=True):
    """One bucket of a trend; a bucket without a value that counts is not a point."""

    t: Instant  # start of the bucket
    min: float  # in the metric's unit
    mean: float
    max: float
    n: int  # values that count
    quality: float  # their share, 0 to 1, of all that came or should have come


class Written(Struct, frozen=True):
    """What became of the readings of one `Store.write`."""

    new: int
    repeated: int
    refused: list[tuple[Reading, str]] = field(default_factory=list)  # with the reason
    fresh: list[Reading] | None = None
    """The new ones; None: this store cannot tell them from those repeated."""


class History(Protocol):
    """Records and trends read back.  Methods block; any thread may call them.

    Raises
    ------
    Unavailable
        The database is away.
    """

    def trend(
        self,
        subject: str,
        metric: Metric,
        start: Instant,
        stop: Instant,
        points: int,
    ) -> list[Point]:
        """Give at most `points` whole buckets that cover [start, stop), oldest first.

        The finest of whole seconds, minutes, hours or days that are few enough.  The
        first may begin before `start`, the last end after `stop`; gaps stay gaps.
        """

    def stamp(
        self,
        subject: str,
        metric: Metric,
        start: Instant,
        stop: Instant,
        points: int,
    ) -> str | None:
        """Name the state of what `trend` would give; the same name, the same trend.

        Far cheaper than the trend.  None: this store cannot tell without reading it.
        """

    def records(
        self,
        subject: str,
        kind: Kind,
        start: Instant,
        stop: Instant,
        after: str | None,
        limit: int,
    ) -> tuple[list[Reading], str | None]:
        """Give up to `limit` readings measured in [start, stop), oldest first.

        Returns
        -------
        list of Reading
            Those after the cursor `after`, or the first.
        str or None
            The cursor to go on with, None at the end.

        Raises
        ------
        MalformedData
            `after` is not a cursor that this method gave.
        """

    def latest(self, subject: str) -> list[Reading]:
        """Give the newest reading of each device and kind."""

    def withdrawn(self, subject: str, kind: Kind, t: Instant) -> list[Reading]:
        """Give the readings of that time that were entered in error and taken out."""

    def kept(self, subject: str) -> dict[str, int]:
        """Give how much there is of a person, by what it is."""

    def subjects(self) -> list[str]:
        """Give everybody of whom there is a record."""

    def count(self) -> int:
        """Give the number of records."""

    def export(self) -> Iterator[Reading]:
        """Give every reading, each once."""

    def close(self) -> None:
        """Let go of the database; nothing else may be called afterwards."""


DAY, HOUR = 86_400_000, 3_600_000  # ms
PRESENCE = (
    *(Metric.HEART_RATE, Metric.SYSTOLIC, Metric.BODY_TEMPERATURE),
    *(Metric.OXYGEN_SATURATION, Metric.GLUCOSE),
)  # one metric of each kind: who has one was measured


def measured_days(
    history: History, subjects: Iterable[str], start: Instant, stop: Instant
) -> int:
    """Give on how many days (UTC) somebody was measured, summed over `subjects`."""
    return sum(
        len({t // DAY for t in _hours(history, subject, start, stop)})
        for subject in subjects
    )


def _hours(
    history: History, subject: str, start: Instant, stop: Instant
) -> Iterator[int]:
    """Give hours in which something was measured."""
    most = (stop - start) // HOUR + 2
    for metric in PRESENCE:
        for point in history.trend(subject, metric, start, stop, most):
            yield point.t


class Store(History, Protocol):
    """A history that can be added to."""

    @property
    def unreadable(self) -> int:
        """How many stored records could not be read since it was opened.

        They are left out of what is made of records, and the log says which.
        """

    def write(self, readings: Sequence[Reading]) -> Written:
        """Store readings; the same reading twice keeps one.

        Returns once every reading is durable, or refused with the reason.

        Raises
        ------
        Unavailable
            The database is away; nothing is promised, and the same call may be tried
            again.
        """

    def withdraw(self, readings: Sequence[Reading]) -> None:
        """Take readings that were entered in error out of records and trends.

        Returns once that is durable; those that are not there, or not any more, change
        nothing.

        Raises
        ------
        Unavailable
            The database is away; the same call may be tried again.
        """

    def erase(self, subject: str) -> str:
        """Delete all of a person; gives what must still be done by hand, "": nothing.

        Raises
        ------
        Unavailable
            The database is away; the same call goes on where this one ended.
        """

    def tend(self, now: Instant) -> bool:
        """Do what can wait, for a short while: drop what is too old, roll what is due.

        Gives whether there was anything to do, and so may be more.  It may raise
        `Unavailable` as well.
        """


def open_store(settings: config.Store, data: Path) -> Store:
    """Open the configured store for writing; what is ours of it lies in `data`.

    Raises
    ------
    ConfigError
        The store's package or secret is not there.
    Unavailable
        The file cannot be opened, or is a newer version's.
    """
    if settings.kind == "influx":
        with _client():
            from ingest.due import Due
            from ingest.influx import InfluxStore
            from ingest.influx_query import Influx

        influx = Influx(settings, config.secret(settings.authorization_file))
        return InfluxStore(influx, Due(data / "rollups.db"))
    from ingest.sqlite import SqliteStore

    store = SqliteStore(data / "store.db", settings)
    store.open()
    return store


def open_history(settings: config.Store, data: Path) -> History:
    """Open the configured store for reading, beside the process that writes it.

    A store that is not there yet is an empty one until it is.
    """
    if settings.kind == "influx":
        with _client():
            from ingest.influx_history import InfluxHistory
            from ingest.influx_query import Influx

        secret = config.secret(settings.authorization_file)
        return InfluxHistory(Influx(settings, secret))
    from ingest.sqlite_history import SqliteHistory

    return SqliteHistory(data / "store.db", settings)


@contextmanager
def _client() -> Iterator[None]:
    """Import InfluxDB's client; it weighs 42 MB, which only those who use it pay."""
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            "store.kind = 'influx' needs influxdb-client:"
            f" pip install 'vitals[influx]' ({error})"
        ) from error

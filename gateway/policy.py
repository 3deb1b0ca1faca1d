"""What an installation has decided about all of its wearables."""

from collections.abc import Callable
from datetime import UTC, tzinfo

from msgspec import Struct

from gateway.synchrony import for_adapter
from vitals import ConfigError, Instant
from vitals.config import Gateway


class Policy(Struct, frozen=True):
    """What an attendant goes by."""

    silence_s: float = 20.0  # of a link before it is cycled
    late_ms: int = 600_000  # a measurement older than this arrives late
    delete_stored: bool = False  # on the wearable, what ingest has committed
    zone: tzinfo = UTC  # of the wearables' wall clocks
    synchronised: Callable[[Instant], bool] = for_adapter(
        "air"
    )  # whether our clock is right


def policy(settings: Gateway) -> Policy:
    """Read the configuration.

    Raises
    ------
    ConfigError
        There is no such time zone.
    """
    try:
        zone = _zone(settings.time_zone)
    except (KeyError, ValueError, OSError) as error:
        advice = 'write one as "Asia/Shanghai"; is tzdata installed?'
        raise ConfigError(
            f"gateway.time_zone: {settings.time_zone}: no such zone; {advice}"
        ) from error
    return Policy(
        silence_s=settings.silence_s,
        late_ms=round(1000 * settings.late_s),
        delete_stored=settings.delete_stored,
        zone=zone,
        synchronised=for_adapter(settings.adapters[0]),
    )


def _zone(name: str) -> tzinfo:
    """Look a zone up; UTC is there without any data of the system."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # 0.2 MB

    return ZoneInfo(name)

"""`vitals channel`: the ways to reach people, and a message that tests one."""

import argparse
import asyncio
from pathlib import Path

from vitals import ConfigError, Unavailable, clock, config, links


def show(chosen: argparse.Namespace) -> None:
    """Print the channels, what each says and how it does."""
    settings = config.load(Path(chosen.config))
    states = _states(Path(settings.data))
    print(f"{'log':20} always there: no name, no value")
    if settings.alerts.webhook:
        print(
            f"{'webhook':20} the whole alert, for programs{states.get('webhook', '')}"
        )
    for channel in settings.alerts.channels:
        says = "everything" if channel.content == "full" else "a case number and a link"
        following = f", then {channel.next}" if channel.next else ""
        state = states.get(channel.name, "")
        print(f"{channel.name:20} {says}, {channel.language}{following}{state}")


def test(chosen: argparse.Namespace) -> None:
    """Send a test message by one channel, and say whether it was accepted."""
    from alerts.channels.opening import messenger
    from alerts.links import Links

    settings = config.load(Path(chosen.config))
    named = {channel.name: channel for channel in settings.alerts.channels}
    if chosen.name not in named:
        known = ", ".join(named) or "none is configured"
        raise ConfigError(f"no channel {chosen.name!r} in alerts.channels: {known}")
    # A test says of nobody, so it signs nothing.
    unsigned = Links(bytes(links.KEY_OCTETS), "", settings.alerts.link_hours)
    channel = messenger(named[chosen.name], settings.alerts, unsigned, clock.now)
    try:
        asyncio.run(channel.test())
    except Unavailable as error:
        raise Unavailable(f"not accepted: {error}") from None
    finally:
        channel.close()
    print(f"{chosen.name}: accepted; look whether the message has arrived")


def _states(data: Path) -> dict[str, str]:
    """Say how each channel does that has had something to tell."""
    from alerts.history import AlertHistory

    if not (data / "alerts.db").exists():
        return {}
    history = AlertHistory(data)
    try:
        return {
            found.channel: f"; waiting {found.pending}, given up {found.failed}"
            + (f", {found.error}" if found.error else "")
            for found in history.channels()
        }
    finally:
        history.close()

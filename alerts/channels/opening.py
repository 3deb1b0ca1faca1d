"""From the configuration to channels."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from alerts.channels.bots import KINDS, Bot
from alerts.channels.log import LogChannel
from alerts.channels.messenger import Messenger, Way
from alerts.channels.notices import Channel
from alerts.channels.services import Service
from alerts.channels.webhook import Webhook
from alerts.letters import Writer
from alerts.links import Links
from vitals import channels, config
from vitals.clock import Clock
from vitals.errors import ConfigError

# What a robot's own page shows: apprise takes it, and a refusal by it for acceptance.
NATIVE = {
    "qyapi.weixin.qq.com": "wecombot",
    "oapi.dingtalk.com": "dingtalk",
    "open.feishu.cn": "feishu",
}


def open_all(settings: config.Alerts, links: Links, clock: Clock) -> Sequence[Channel]:
    """Open the log, the webhook if there is one, and every channel that is named.

    Raises
    ------
    ConfigError
        A URL or a secret cannot be used; the text repeats neither.
    """
    found: list[Channel] = [LogChannel()]
    if settings.webhook:
        secret = config.secret(settings.webhook_secret_file)
        found.append(Webhook(settings.webhook, secret))
    found += [messenger(one, settings, links, clock) for one in settings.channels]
    return found


def messenger(
    channel: channels.Channel, settings: config.Alerts, links: Links, clock: Clock
) -> Messenger:
    """Open one channel that is named."""
    way = _way(channel, clock)
    shared = True if channel.shared is None and way.shared else channel.shared
    people = {person.name: person for person in settings.people}
    return Messenger(channel, way, Writer(channel, shared, people, links, clock))


def _way(channel: channels.Channel, clock: Clock) -> Way:
    """Open what a channel's URL names."""
    url = config.secret(channel.url_file)
    try:
        if scheme := NATIVE.get(urlsplit(url).hostname or ""):
            raise ConfigError(f"write this robot's URL as {scheme}://: docs/alerts.md")
        return Bot(url, clock) if urlsplit(url).scheme in KINDS else Service(url)
    except ValueError:
        raise ConfigError(f"{channel.url_file}: its first line is no URL") from None
    except ConfigError as error:
        raise ConfigError(f"{channel.url_file}: {error}") from None

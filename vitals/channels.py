"""The ways to reach people, as the configuration names them."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from vitals.model import Name
from vitals.phrases import Language
from vitals.sections import Section, zone_known

Heard = Literal["calls", "all_clear", "seen"]
RESERVED = ("log", "webhook")  # which are there without being named


class Channel(Section, frozen=True):
    """One way to reach people, beside the log and the webhook."""

    name: Name
    url_file: Annotated[str, Meta(min_length=1)]  # its first line: docs/alerts.md
    hears: tuple[Heard, ...] = ("calls", "all_clear")
    # "link": a case number and a link, and nothing of whom or what; "full": everything.
    content: Literal["link", "full"] = "link"
    audience: Literal["clinician", "patient", "family"] = "clinician"
    language: Language = "en"  # of whom it reaches, unless alerts.people says otherwise
    time_zone: str = "UTC"  # likewise
    # Several people read it: its links open vitals and decide nothing.  None: all but
    # who names it as their own; with robots, which write to groups, these too.
    shared: bool | None = None
    subject: Name | None = None  # only this patient's alerts; None: everybody's
    next: str = ""  # the channel that takes over what this one cannot tell


def complaints(channels: Sequence[Channel]) -> Iterator[str]:
    """Say what is wrong with channels, with the key's path."""
    names = [channel.name for channel in channels]
    for place, channel in enumerate(channels):
        where = f"alerts.channels[{place}]"
        if channel.name in RESERVED or channel.name in names[:place]:
            yield f"{where}.name: {channel.name} is there already"
        if not zone_known(channel.time_zone):
            yield f"{where}.time_zone: {channel.time_zone} is unknown"
        if channel.next and channel.next not in names:
            yield f"{where}.next: there is no channel {channel.next}"
        if channel.audience != "clinician" and channel.subject is None:
            yield f"{where}.subject: say whose alerts this {channel.audience} may read"
        if _leaks(channel, channels):
            yield f"{where}.next: {channel.next} may read of another patient only"
        elif _is_circle(channel, channels):
            yield f"{where}.next: it leads back to {channel.name}"


def _leaks(channel: Channel, channels: Sequence[Channel]) -> bool:
    """Tell whether what a channel cannot tell would reach another patient's."""
    following = (found for found in channels if found.name == channel.next)
    return any(f.subject not in (None, channel.subject) for f in following)


def _is_circle(channel: Channel, channels: Sequence[Channel]) -> bool:
    """Tell whether the way on from a channel comes back to it."""
    following = {found.name: found.next for found in channels}
    name = channel.next
    for _ in channels:
        if name == channel.name:
            return True
        name = following.get(name, "")
    return False

"""A notice put into words for whom it is for."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct, json

from alerts.channels.notices import Notice
from alerts.links import Links
from alerts.messages import Audience, Offer, Reader, message
from alerts.sheets import Sheet
from vitals.channels import Channel
from vitals.clock import Clock
from vitals.model import Alert
from vitals.staff import Person


class Letter(Struct, frozen=True, kw_only=True):
    """A message on its way."""

    sheet: Sheet
    offer: Offer = Offer()
    key: str = ""  # the same whenever it is repeated


class Writer:
    """Writes what one channel sends.

    Parameters
    ----------
    shared
        Whether several people read what it sends; None: who names it as their own
        reads it alone.
    people
        Those who can be told, by name.
    """

    def __init__(
        self,
        channel: Channel,
        shared: bool | None,
        people: Mapping[str, Person],
        links: Links,
        clock: Clock,
    ) -> None:
        self._channel, self._shared, self._people = channel, shared, people
        self._links, self._clock = links, clock

    def write(self, notice: Notice) -> Letter:
        """Put a notice into words, as of now."""
        alert = json.decode(notice.body, type=Alert)
        reader = self._reader(notice.to)
        # Only who cares for the patient decides, and only where it is known who did.
        looks = self._is_shared(notice.to) or reader.audience != "clinician"
        offer = self._links.offer(notice, alert, shared=looks)
        sheet = message(alert, notice.why, reader, offer, self._clock())
        return Letter(sheet=sheet, offer=offer, key=notice.key)

    def _is_shared(self, name: str) -> bool:
        """Tell whether others than this person may read it."""
        if self._shared is not None:
            return self._shared
        person = self._people.get(name)
        return person is None or self._channel.name not in person.channels

    def _reader(self, name: str) -> Reader:
        """Say who reads it: the person it is for, or whoever reads the channel."""
        channel, person = self._channel, self._people.get(name)
        audience: Audience = channel.audience
        if person is not None and person.role == "family":
            audience = "family"
        own = None if self._is_shared(name) else person
        return Reader(
            language=(own or channel).language,
            audience=audience,
            content=channel.content,
            zone=ZoneInfo((own or channel).time_zone),
        )

"""What a message lets its reader do: addresses of the portal, some of them signed."""

from hashlib import blake2b
from urllib.parse import quote

from alerts import rules
from alerts.channels.notices import Notice
from alerts.messages import Offer
from vitals import links
from vitals.links import Action, Deed
from vitals.model import Alert, Instant

UNSEEN = frozenset({"unacknowledged", "returned_unacknowledged"})


class Links:
    """Makes the addresses of a house whose portal people reach by a URL.

    The same notice always has the same addresses, so that repeating it gives nobody
    more to do with it.

    Parameters
    ----------
    key
        Of `vitals.links.key`.
    url
        `portal.public_url`; "": messages have no addresses.
    hours
        That a signed one may be used, from when the notice was made.
    """

    def __init__(self, key: bytes, url: str, hours: float) -> None:
        self._key, self._url, self._hours = key, url, hours

    def offer(self, notice: Notice, alert: Alert, *, shared: bool) -> Offer:
        """Give what a notice lets its reader do; on a shared channel only to look."""
        if not self._url:
            return Offer()
        look = f"{self._url}/alerts/{quote(alert.id, safe='')}"
        if shared or not notice.to or alert.state not in UNSEEN:
            return Offer(open=look)
        snoozes = alert.state == "unacknowledged"
        usual, _ = rules.SNOOZE_MINUTES[alert.priority]
        return Offer(
            open=look,
            acknowledge=self._signed(notice, "acknowledge"),
            snooze=self._signed(notice, "snooze", usual) if snoozes else "",
            minutes=usual,
        )

    def _signed(
        self, notice: Notice, action: Action, minutes: int | None = None
    ) -> str:
        """Give the address that lets the recipient decide, once."""
        said = f"{notice.key}/{notice.channel}"
        deed = Deed(
            alert=notice.alert,
            action=action,
            by=notice.to,
            until=Instant(notice.created + round(self._hours * 3_600_000)),
            nonce=blake2b(said.encode(), digest_size=8).hexdigest(),
            minutes=minutes,
        )
        return f"{self._url}/l/{links.sign(self._key, deed)}"

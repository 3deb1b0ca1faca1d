"""The channel to people: a notice becomes a letter, and a way to send takes it."""

from http.client import HTTPException
from typing import Protocol

from alerts.channels.notices import ALL_CLEAR, CALLS, SEEN, Notice
from alerts.channels.posting import Threads
from alerts.letters import Letter, Writer
from alerts.messages import trial
from vitals.channels import Channel, Heard
from vitals.errors import Unavailable

HEARD: dict[Heard, frozenset[str]] = {
    "calls": CALLS,
    "all_clear": ALL_CLEAR,
    "seen": SEEN,
}


class Way(Protocol):
    """Something that sends letters; it may be used from several threads."""

    shared: bool  # several people read what it sends, unless it is said otherwise
    patience_s: float

    def send(self, letter: Letter) -> None:
        """Send, and return once it is accepted.

        Raises
        ------
        Unavailable
            It was not; why, without a secret.
        OSError, HTTPException, ValueError
            It was not, or we cannot know; the text may hold a secret.
        """


class Messenger:
    """A configured channel."""

    def __init__(self, channel: Channel, way: Way, writer: Writer) -> None:
        self.name = channel.name
        self.hears = frozenset[str]().union(*(HEARD[h] for h in channel.hears))
        self.next = channel.next
        self._language = channel.language
        self._way, self._writer = way, writer
        self._threads = Threads(channel.name, way.patience_s)

    async def tell(self, notice: Notice) -> None:
        """Send the notice in plain words."""
        await self._send(self._writer.write(notice))

    async def test(self) -> None:
        """Send a message that says that it is a test.

        Raises
        ------
        Unavailable
            It was not accepted; why, without a secret.
        """
        await self._send(Letter(sheet=trial(self.name, self._language)))

    def close(self) -> None:
        """Give up what is under way; it stays in the outbox."""
        self._threads.close()

    async def _send(self, letter: Letter) -> None:
        """Send in a thread; say in our own words why not."""
        try:
            await self._threads.call(self._way.send, letter)
        except (OSError, HTTPException, ValueError) as error:
            # The text of the error may hold the URL, and the URL is a secret.
            status = getattr(error, "code", "") or getattr(error, "errno", "") or ""
            said = f"{self.name}: {type(error).__name__} {status}".strip()
            raise Unavailable(said) from None

"""What has to be told, and what every way to tell it can do."""

from typing import Protocol

from msgspec import Struct

from vitals.model import Instant

# Look at it.
CALLS = frozenset(
    {
        "opened", "alarm", "rise", "relapse", "unshelve", "release", "restore",
        "expire", "escalate", "unseen",
    }
)  # fmt: skip
ALL_CLEAR = frozenset({"returned"})
SEEN = frozenset({"acknowledge", "false_alarm"})

AT_ONCE = 4  # notices that a channel tells at a time


class Notice(Struct, frozen=True, kw_only=True):
    """One change of one alert that one channel has to tell one recipient."""

    alert: str
    version: int
    channel: str
    why: str  # one of CALLS, ALL_CLEAR or SEEN
    body: bytes  # the whole alert as JSON, as it was then
    created: Instant
    attempts: int  # that failed so far
    to: str = ""  # a name of `alerts.people`; "" = the whole house

    @property
    def key(self) -> str:
        """The same whenever this notice is repeated, and for no other."""
        key = f"{self.alert}-{self.version}"
        return f"{key}.{self.to}" if self.to else key


class Channel(Protocol):
    """One way to reach people."""

    name: str
    hears: frozenset[str]  # values of `alerts.cases.Change.why`

    async def tell(self, notice: Notice) -> None:
        """Return once the notice is accepted.

        Raises
        ------
        Unavailable
            It was not, or we cannot know; it will be told again.
        """

    def close(self) -> None:
        """Give up what is under way."""

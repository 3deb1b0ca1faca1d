"""The life of one wearable's connection.  Sans-I/O: events in, commands out.

The whole machine is the table below.  `gateway.radio` feeds it what happened and does
what it says; time arrives as an argument, so a test can live through a night in a
millisecond.
"""

from collections.abc import Sequence
from enum import Enum, auto

from msgspec import Struct

from vitals import Instant

BACKOFF_S = (1, 2, 5, 15, 60)


class State(Enum):
    """Where the connection stands."""

    SEEKING = auto()  # until an advertisement is heard
    CONNECTING = auto()
    STREAMING = auto()
    WAITING = auto()  # after a failure


class Event(Enum):
    """What the radio reports."""

    SEEN = auto()
    CONNECTED = auto()
    LOST = auto()  # the link, or the attempt
    SILENT = auto()  # connected, and no value for too long
    WOKE = auto()


class Command(Enum):
    """What the radio should do."""

    SCAN = auto()
    CONNECT = auto()
    LISTEN = auto()
    DISCONNECT = auto()
    SLEEP = auto()


TABLE: dict[tuple[State, Event], tuple[State, Sequence[Command]]] = {
    (State.SEEKING, Event.SEEN): (State.CONNECTING, [Command.CONNECT]),
    (State.CONNECTING, Event.CONNECTED): (State.STREAMING, [Command.LISTEN]),
    (State.CONNECTING, Event.LOST): (State.WAITING, [Command.SLEEP]),
    (State.STREAMING, Event.LOST): (State.WAITING, [Command.SLEEP]),
    (State.STREAMING, Event.SILENT): (
        State.WAITING,
        [Command.DISCONNECT, Command.SLEEP],
    ),
    (State.WAITING, Event.WOKE): (State.SEEKING, [Command.SCAN]),
}


class Session(Struct):
    """One wearable's connection."""

    state: State = State.SEEKING
    failures: int = 0
    wake_at: Instant | None = None

    def handle(self, event: Event, now: Instant) -> Sequence[Command]:
        """Take one event, give the commands that follow; ignore stray events."""
        self.state, commands = TABLE.get((self.state, event), (self.state, ()))
        if self.state is State.WAITING and Command.SLEEP in commands:
            pause = BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)]
            self.failures, self.wake_at = self.failures + 1, Instant(now + pause * 1000)
        return commands

    def forgive(self) -> None:
        """Forget the failures: a value has come."""
        self.failures, self.wake_at = 0, None

"""Puts records into the file; what many of them share is written once."""

from msgspec import Struct

from gateway.file import File
from gateway.notification import Row
from vitals.wire import encode


class Content(Struct, frozen=True):
    """What is kept of a record beside its number."""

    device: str
    topic: str
    characteristic: str
    payload: bytes  # JSON, without gateway and seq
    raw: bytes
    heard: int | None  # ms, monotonic
    boot: int | None  # which boot `heard` counts from


class Filing:
    """Gives records their numbers; to be used inside the file's transactions."""

    def __init__(self, file: File, gateway: str, boot: str) -> None:
        self._file, self._boot = file, boot
        self._head = b'{"gateway":%s,"seq":' % encode(gateway)
        self._streams: dict[tuple[str, str], int] = {}
        self._boots: dict[str, int] = {}

    def record(self, one: Content, heard: float | None = None) -> Row:
        """Write a record; `heard`, s, goes with its row for whoever measures."""
        number, seq = self._file.tally.take(one.device)
        stream = self._stream(one.device, one.topic, one.characteristic)
        self._file.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, stream, seq, one.payload, one.raw, one.heard, one.boot),
        )
        payload = self.numbered(seq, one.payload)
        return Row(number, one.device, seq, one.topic, payload, heard)

    def numbered(self, seq: int, payload: bytes) -> bytes:
        """Put the number into a record's JSON; it is not kept twice."""
        return b"%s%d,%s" % (self._head, seq, payload[1:])

    def boot(self) -> int:
        """Give the number of this boot."""
        if not self._boots:
            self._file.execute(
                "INSERT OR IGNORE INTO boot(identity) VALUES (?)", (self._boot,)
            )
            self._boots = dict(self._file.execute("SELECT identity, id FROM boot"))
        return self._boots[self._boot]

    def forget(self) -> None:
        """Look names up again: one of them may be gone with a transaction."""
        self._streams.clear()
        self._boots.clear()

    def _stream(self, device: str, topic: str, characteristic: str) -> int:
        name = topic, characteristic
        if name not in self._streams:
            self._file.execute(
                "INSERT OR IGNORE INTO stream(device, topic, characteristic)"
                " VALUES (?, ?, ?)",
                (device, *name),
            )
            found = self._file.execute("SELECT topic, characteristic, id FROM stream")
            self._streams = {(topic, what): number for topic, what, number in found}
        return self._streams[name]

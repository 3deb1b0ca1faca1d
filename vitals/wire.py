"""Nouns as MQTT messages: DESIGN section 4, root `vitals/v1`, JSON.

Only this module knows topic names and that the wire is JSON.  What it unpacks is whole
and well-typed, so that nobody behind it checks again.
"""

import base64
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder, Encoder

from vitals.assignments import Assignments
from vitals.codes import Kind
from vitals.errors import MalformedData
from vitals.model import (
    RECORDS,
    Alert,
    AlertCommand,
    Anomaly,
    Answer,
    Assign,
    CheckIn,
    Committed,
    Dead,
    DeviceStatus,
    Erased,
    GatewayCommand,
    GatewayStatus,
    Instant,
    Name,
    Plan,
    Reading,
    Record,
    StageStatus,
    WhatIf,
    Withdrawn,
)

ROOT = "vitals/v1"
SHARDS = 64
LARGEST = 1 << 20  # octets of payload; more is refused unread

# What each stage subscribes to.
READINGS = tuple(f"{ROOT}/+/+/+/{kind}" for kind in Kind)
BATCHES = tuple(f"{ROOT}/+/+/+/{kind}/batch" for kind in Kind)
ANOMALIES = f"{ROOT}/+/+/anomaly"
ALERTS = f"{ROOT}/+/+/alert/+"
ALERT_COMMANDS = f"{ROOT}/+/+/alert/+/command"
PLANS = f"{ROOT}/+/+/plan"
ERASURES = f"{ROOT}/+/+/erased"
DEVICE_STATUSES = f"{ROOT}/+/+/+/status"
GATEWAY_STATUSES = f"{ROOT}/gateway/+/status"
SHARED_STATUSES = f"{ROOT}/gateway/+/device/+/status"
WITHDRAWALS = f"{ROOT}/gateway/+/withdraw"
ASSIGNMENTS = f"{ROOT}/gateway/+/assignments"
ANSWERS = f"{ROOT}/gateway/+/answer"
REHEARSALS = f"{ROOT}/stage/dsp/answer"
STAGE_STATUSES = f"{ROOT}/stage/+/status"
DEAD = f"{ROOT}/dead"
EVERYTHING = f"{ROOT}/#"

UNREADABLE = (
    ValidationError,
    DecodeError,
    UnicodeDecodeError,
    KeyError,  # a batch without records
    RecursionError,  # nested a thousand deep
)

S = TypeVar("S", bound=Struct)

encode = Encoder().encode
_RAW_BATCH = Decoder(dict[str, list[Raw]])
_BATCH = {k: Decoder(dict[str, list[r]]) for k, r in RECORDS.items()}  # type: ignore[valid-type]
_NOUNS: tuple[type[Struct], ...] = (
    *RECORDS.values(),
    *(Alert, AlertCommand, Anomaly, Committed, Dead),
    *(DeviceStatus, GatewayCommand, GatewayStatus, Plan, StageStatus),
    *(Answer, Assign, Assignments, CheckIn, Erased, WhatIf, Withdrawn),
)
_DECODERS: dict[type, Decoder[Any]] = {noun: Decoder(noun) for noun in _NOUNS}
_NAME = re.compile(r"[a-z0-9_-]{1,64}")


class Message(Struct, frozen=True, gc=False):
    """One MQTT application message."""

    topic: str
    payload: bytes
    retain: bool = False


@lru_cache(65536)
def shard(subject: str) -> str:
    """Give the two digits that make any broker a keyed partitioner.

    >>> shard("p-7")
    '34'
    """
    return f"{crc32(subject.encode()) % SHARDS:02d}"


def of(subject: str, *levels: str) -> str:
    """Give the topic of something that belongs to a subject."""
    return "/".join((ROOT, shard(subject), subject, *levels))


def gateway_topic(gateway: str, leaf: str) -> str:
    """Give a gateway's topic: `status`, `committed`, `command`, `withdraw` …."""
    return f"{ROOT}/gateway/{gateway}/{leaf}"


def shared_topic(gateway: str, device: str) -> str:
    """Give the topic of the status of a device that is not one subject's."""
    return gateway_topic(gateway, f"device/{device}/status")


def stage_topic(stage: str, leaf: str = "status") -> str:
    """Give a stage's topic: `status`, `whatif` (a question) or `answer`."""
    return f"{ROOT}/stage/{stage}/{leaf}"


def pack(reading: Reading) -> Message:
    """Put one reading on the wire."""
    return Message(record_topic(reading), encode(reading.record))


def record_topic(reading: Reading) -> str:
    """Give the topic of a reading's stream."""
    return of(reading.subject, reading.device, reading.kind)


def pack_batch(topic: str, payloads: Sequence[bytes]) -> Message:
    """Put records of one stream, already encoded, into one message."""
    return Message(f"{topic}/batch", b'{"records":[' + b",".join(payloads) + b"]}")


def unpack(message: Message) -> list[Reading]:
    """Take the readings off a record's or batch's message; the inverse of `pack`.

    Raises
    ------
    MalformedData
        The topic is not a record's, or the payload does not fit it.
    """
    subject, device, kind, batch, decode = _stream(message.topic)
    refuse_large(message)
    try:
        if not batch:
            return [Reading(subject, device, decode(message.payload))]
        records = decode(message.payload)["records"]
    except UNREADABLE as error:
        raise MalformedData(f"not a {kind} record: {error}") from error
    return [Reading(subject, device, record) for record in records]


def refuse_large(message: Message) -> None:
    """Refuse a message that is larger than any of ours, unread.

    Raises
    ------
    MalformedData
        It is.
    """
    if len(message.payload) > LARGEST:
        raise MalformedData(f"{len(message.payload)} octets, at most {LARGEST} allowed")


def salvage(message: Message) -> tuple[list[Reading], list[str]]:
    """Take the good records out of a batch that `unpack` refused, and the reasons.

    Raises
    ------
    MalformedData
        It is not a batch of our topics at all: nothing can be saved.
    """
    subject, device, kind, _, _ = _stream(message.topic)
    try:
        raws = _RAW_BATCH.decode(message.payload)["records"]
    except UNREADABLE as error:
        raise MalformedData(f"not a batch of {kind}: {error}") from error
    good: list[Reading] = []
    reasons: list[str] = []
    for raw in raws:
        try:
            record: Record = _DECODERS[RECORDS[kind]].decode(raw)
            good.append(Reading(subject, device, record))
        except UNREADABLE as error:
            reasons.append(f"not a {kind} record: {error}")
    return good, reasons


def pack_withdrawal(reading: Reading) -> Message:
    """Say that one of a gateway's records was entered in error: it is not theirs."""
    noun = _Withdrawal(
        subject=reading.subject,
        device=reading.device,
        kind=reading.kind,
        record=Raw(encode(reading.record)),
    )
    topic = gateway_topic(reading.record.gateway or "", "withdraw")
    return Message(topic, encode(noun))


def unpack_withdrawal(message: Message) -> Reading:
    """Take the record that was entered in error off a message.

    Raises
    ------
    MalformedData
        It is none, too large, or not the gateway's own.
    """
    refuse_large(message)
    try:
        noun = _WITHDRAWAL.decode(message.payload)
        record: Record = _DECODERS[RECORDS[noun.kind]].decode(noun.record)
    except UNREADABLE as error:
        raise MalformedData(f"not a withdrawal: {error}") from error
    if record.gateway != levels(message.topic)[1] or record.seq is None:
        raise MalformedData("a gateway withdraws its own numbered records only")
    return Reading(noun.subject, noun.device, record)


def read(noun: type[S], payload: bytes) -> S:
    """Take a noun other than a reading off a payload.

    Raises
    ------
    MalformedData
        The payload does not fit the noun.
    """
    try:
        found: S = _DECODERS[noun].decode(payload)
    except UNREADABLE as error:
        raise MalformedData(f"not a {noun.__name__}: {error}") from error
    return found


def levels(topic: str) -> list[str]:
    """Give the levels of one of our topics below its root."""
    return topic.split("/")[2:]


def is_record(topic: str) -> bool:
    """Tell whether a topic carries records, single or in a batch."""
    try:
        _stream(topic)
    except MalformedData:
        return False
    return True


def dead(message: Message, reason: str, now: Instant) -> Message:
    """Keep what could not be understood, with the reason."""
    raw = base64.b64encode(message.payload[:LARGEST]).decode()
    noun = Dead(t=now, topic=message.topic, reason=reason, payload=raw)
    return Message(DEAD, encode(noun))


class _Withdrawal(Struct, frozen=True, kw_only=True):
    subject: Name
    device: Name
    kind: Kind
    record: Raw


_WITHDRAWAL = Decoder(_Withdrawal)


class _Stream(NamedTuple):
    """What a record's topic says."""

    subject: str
    device: str
    kind: Kind
    batch: bool
    decode: Callable[[bytes], Any]  # of its payload


@lru_cache(65536)
def _stream(topic: str) -> _Stream:
    """Split a record's topic."""
    parts = topic.split("/")
    batch = len(parts) == 7 and parts[6] == "batch"
    if "/".join(parts[:2]) != ROOT or not (len(parts) == 6 or batch):
        raise MalformedData(f"not the topic of a record: {topic[:200]!r}")
    number, subject, device, kind = parts[2:6]
    if not (_NAME.fullmatch(subject) and _NAME.fullmatch(device)) or device == "alert":
        raise MalformedData(
            f"a subject or device must match [a-z0-9_-]{{1,64}}: {topic[:200]!r}"
        )
    if number != shard(subject):
        raise MalformedData(f"{topic[:200]!r} belongs into shard {shard(subject)}")
    if kind not in RECORDS:
        raise MalformedData(f"no such kind of record: {kind[:64]!r}")
    decoder = _BATCH[Kind(kind)] if batch else _DECODERS[RECORDS[Kind(kind)]]
    return _Stream(subject, device, Kind(kind), batch, decoder.decode)

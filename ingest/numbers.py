"""The numbers that records bear: in which stream they count, and whose they are.

They come by thousands, of a few streams.  So they are lists by stream and subject; a
number has a noun of its own only where one is singled out.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct

from vitals import Reading

Stream = tuple[str, str]
"""Gateway and device: what a `seq` counts in."""

Touched = dict[str, list[int]]
"""Numbers of one stream, by whose records bear them."""

Numbers = dict[Stream, Touched]
"""Numbers of many streams."""


class Numbered(Struct, frozen=True, order=True, gc=False):
    """What a gateway waits to see committed, and whose record bears the number."""

    gateway: str
    device: str
    seq: int
    subject: str


def numbered(reading: Reading) -> Numbered | None:
    """Give the number that a reading bears, if it does."""
    record = reading.record
    if not (record.gateway and record.seq):
        return None
    return Numbered(record.gateway, reading.device, record.seq, reading.subject)


def numbers(readings: Iterable[Reading]) -> Numbers:
    """Give the numbers that readings bear."""
    found: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for reading in readings:
        record = reading.record
        if record.gateway and record.seq:
            whose = record.gateway, reading.device, reading.subject
            found[whose].append(record.seq)
    parted: Numbers = {}
    for (gateway, device, subject), seqs in found.items():
        parted.setdefault((gateway, device), {})[subject] = seqs
    return parted


def parted(claims: Iterable[Numbered]) -> Numbers:
    """Part numbers by what they count in and by whose records bear them."""
    found: Numbers = {}
    for claim in claims:
        touched = found.setdefault((claim.gateway, claim.device), {})
        touched.setdefault(claim.subject, []).append(claim.seq)
    return found


def singly(found: Numbers) -> Iterator[Numbered]:
    """Give numbers one by one."""
    for (gateway, device), touched in found.items():
        for subject, seqs in touched.items():
            for seq in seqs:
                yield Numbered(gateway, device, seq, subject)


def joined(several: Iterable[Numbers]) -> Numbers:
    """Put numbers together."""
    found: Numbers = {}
    for one in several:
        for stream, touched in one.items():
            whose = found.setdefault(stream, {})
            for subject, seqs in touched.items():
                whose.setdefault(subject, []).extend(seqs)
    return found

"""Takes one patient out of what the detectors remember; all others keep their rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from dsp.fever import Thermometer
from dsp.pressures import Memory
from dsp.seats import Kept, Seen
from dsp.ward import Saved, Ward

JSON = "names", "pressures", "fevers"
Arrays = Mapping[str, NDArray[Any]]
ROWS = {
    "patients": ("state", "trends"),
    "streams": ("devices",),
    "hearts": ("hearts",),
    "declines": ("declines", "hours"),
}
"""The arrays that have a row for each name of a list of `Saved`."""


def forgotten(ward: Ward, subject: str) -> Ward:
    """Give a ward that has never heard of a patient; to others it is as a restart."""
    return Ward.load(ward.settings, without(ward.save(), subject))


def knows(arrays: Arrays, subject: str) -> bool:
    """Tell whether anything of a patient is remembered: every row has its name."""
    texts = [arrays[name].tobytes() for name in JSON if name in arrays]
    named = f'"{subject}"'.encode(), f'"{subject}/'.encode()
    return any(name in text for name in named for text in texts)


def without(arrays: Arrays, subject: str) -> dict[str, NDArray[Any]]:
    """Give what `Ward.save` gave, without a patient."""
    saved = msgspec.json.decode(arrays["names"].tobytes(), type=Saved)
    left = dict(arrays)
    lists: dict[str, Any] = {}
    for field, names in ROWS.items():
        known = getattr(saved, field)
        stay = _staying([name.partition("/")[0] for name in known], subject)
        lists[field] = [known[n] for n in stay]
        left |= {name: left[name][stay] for name in names if name in left}
    sessions, rows = _sessions(saved, subject)
    left |= {name: left[name][stay] for name, stay in rows.items() if name in left}
    for field in ("orphans", "draining", "standing"):
        lists[field] = _others(getattr(saved, field), subject)
    for field in ("plans", "since", "due"):
        known = getattr(saved, field)
        lists[field] = {whose: v for whose, v in known.items() if whose != subject}
    left["names"] = _octets(replace(saved, sessions=sessions, **lists))
    if "pressures" in left:
        memory = msgspec.json.decode(left["pressures"].tobytes(), type=Memory)
        cuffs, courses = (_others(x, subject) for x in (memory.cuffs, memory.courses))
        left["pressures"] = _octets(Memory(cuffs, courses))
        known = msgspec.json.decode(left["fevers"].tobytes(), type=list[Thermometer])
        left["fevers"] = _octets(_others(known, subject))
    return left


def _sessions(saved: Saved, subject: str) -> tuple[Kept, dict[str, list[int]]]:
    """Give who else is in a session, and which rows of its arrays stay."""
    kept = saved.sessions
    logs = _staying([seen.subject for seen in kept.logs], subject)
    contacts = _staying([seen.subject for seen in kept.contacts], subject)
    left = Kept(
        [_moved(kept.logs[n], saved, subject) for n in logs],
        [kept.contacts[n] for n in contacts],
        {k: v for k, v in kept.slow.items() if k.partition("/")[0] != subject},
    )
    rows = {"session_log": logs, "session_vital": logs, "session_contact": contacts}
    return left, rows


def _moved(seen: Seen, saved: Saved, subject: str) -> Seen:
    """Give a log whose signal's row moves up by those that go before it."""
    before = saved.patients[: seen.row]
    gone = sum(name.partition("/")[0] == subject for name in before)
    return replace(seen, row=seen.row - gone)


def _staying(subjects: Sequence[str], subject: str) -> list[int]:
    return [n for n, whose in enumerate(subjects) if whose != subject]


def _others(known: Sequence[Any], subject: str) -> list[Any]:
    return [one for one in known if one.subject != subject]


def _octets(noun: object) -> NDArray[Any]:
    return np.frombuffer(msgspec.json.encode(noun), np.uint8)

"""Time zones: those to choose from, and the one in which somebody reads a page.

What is about one patient is in the patient's zone, whoever reads it: the hours of their
schedule, their night and their charts are.  Pages about many, or about nobody, are in
the reader's own.  Every page with a time of day says which zone it is.
"""

from collections import Counter
from collections.abc import Iterable
from zoneinfo import available_timezones

from portal.authorisation import Person
from portal.board import Board
from vitals.schedule import zone

COOKIE = "vitals_zone"  # in which the pages' script says a browser's zone
ZONES = frozenset(available_timezones())
_PLACES = sorted(z for z in ZONES if "/" in z and not z.startswith("Etc/"))


def offered(used: Iterable[str]) -> list[str]:
    """Give UTC and the places of the world; those in use come first, by how often.

    >>> offered(["Asia/Shanghai", "Europe/Paris", "Asia/Shanghai"])[:4]
    ['Asia/Shanghai', 'Europe/Paris', 'UTC', 'Africa/Abidjan']
    """
    counts = Counter(name for name in used if name in ZONES)
    often = sorted(counts, key=lambda name: (-counts[name], name))
    return list(dict.fromkeys((*often, "UTC", *_PLACES)))


def of_patient(board: Board, subject: str) -> str:
    """Give the time zone of a patient's plan; one that does not exist is UTC."""
    plan = board.plan(subject)
    return str(zone(plan.time_zone if plan else "UTC"))


def of_reader(board: Board, person: Person | None, browser: str) -> str:
    """Give whose clock a reader lives by.

    A patient reads all of their pages in the zone of their plan; anybody else in what
    their browser says, or else where most patients live.
    """
    if person is not None and person.role == "patient" and person.subjects:
        return of_patient(board, min(person.subjects))
    return browser if browser in ZONES else offered(board.zones())[0]

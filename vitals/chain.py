"""A list that only grows, in which each row vouches for all rows before it.

Whoever changes, removes or inserts a row must make all later digests anew, and so give
another head than the one that was noted elsewhere (a log, a backup, a printed report).
Rows taken off the end can only be found by such a note: keep the head.
"""

import hashlib
from collections.abc import Iterable, Sequence

from msgspec import json

BEGIN = ""  # what the first row follows

Field = str | int | None


def link(head: str, fields: Sequence[Field]) -> str:
    """Give the digest of a row that follows `head`; it is the new head.

    >>> link(BEGIN, ["dr-li", 1])[:8]
    '1604f926'
    """
    return hashlib.sha256(json.encode([head, *fields])).hexdigest()


def broken(rows: Iterable[tuple[Sequence[Field], str]], head: str = "") -> int | None:
    """Give the place of the first row, from 1, that is not what was written.

    Parameters
    ----------
    rows
        (fields, digest) of all rows, oldest first.
    head
        The head that was noted, if one was: it must be among the digests.

    Returns
    -------
    place
        None when nothing is wrong; after the last row when `head` is missing.
    """
    last, found, place = BEGIN, not head, 0
    for place, (fields, digest) in enumerate(rows, start=1):
        if digest != (last := link(last, fields)):
            return place
        found = found or digest == head
    return None if found else place + 1

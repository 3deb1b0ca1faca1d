"""Defects of ours that one patient's state brings out: they cost no other patient.

Only the live stage gets over them; in a test, a replay or a what-if they are to be
seen.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

EVERYBODY = ""  # whose it is where it is nobody's in particular


class Defect(NamedTuple):
    """What went wrong, and while whom it was judged."""

    subject: str
    error: Exception
    is_new: bool  # the first of its place that this patient has brought out


class Defects:
    """The defects that have been met and got over since somebody last asked."""

    def __init__(self) -> None:
        self.forgiven = False  # True: they are noted, and nobody else is stopped
        self._met: list[Defect] = []
        self._known: set[tuple[str, str]] = set()  # subject, and where it was

    @contextmanager
    def apart(self, subject: str = EVERYBODY) -> Iterator[None]:
        """Keep what goes wrong in here from whoever else is judged."""
        try:
            yield
        except Exception as error:  # a defect of ours: whatever it is
            if not self.forgiven:
                raise
            name = subject, _place(error)
            self._met.append(Defect(subject, error, name not in self._known))
            self._known.add(name)

    def take(self) -> list[Defect]:
        """Give what has been met, and forget it."""
        met, self._met = self._met, []
        return met


def _place(error: Exception) -> str:
    """Say where an exception came from: it is the same defect when it comes again."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {last.filename}:{last.lineno}"

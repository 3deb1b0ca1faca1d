"""A progress bar on standard error; without a terminal, a line now and then."""

import shutil
import sys
from collections.abc import Callable
from types import TracebackType

LINE_S = 10.0


class Progress:
    """How far a work of `total` records is; `clock` gives seconds."""

    def __init__(self, what: str, total: int, clock: Callable[[], float]) -> None:
        self._what, self._total, self._clock = what, total, clock
        self._began = self._drawn = clock()
        self._live = sys.stderr.isatty()
        self.done = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._draw()
        if self._live:
            sys.stderr.write("\n")

    def add(self, count: int) -> None:
        """Note that so many more are done."""
        self.done += count
        if self._clock() - self._drawn >= (0.1 if self._live else LINE_S):
            self._draw()

    def _draw(self) -> None:
        self._drawn = self._clock()
        width = shutil.get_terminal_size((100, 30)).columns
        told = line(self.done, self._total, self._drawn - self._began)
        end = "\x1b[K" if self._live else "\n"
        begin = "\r" if self._live else ""
        sys.stderr.write(f"{begin}{f'{self._what} {told}'[: width - 1]}{end}")
        sys.stderr.flush()


def line(done: int, total: int, seconds: float) -> str:
    """Say how far it is; of a `total` of 0 nobody knows.

    >>> line(250, 1000, 5)
    '[#####---------------]  25 %  250 of 1,000, 50/s, 15 s left'
    >>> line(250, 0, 5)
    '250 so far, 50/s'
    """
    rate = done / seconds if seconds else 0.0
    if not total:
        return f"{done:,} so far, {rate:,.0f}/s"
    share = min(done / total, 1.0)
    bar = "#" * int(share * 20)
    left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
    return (
        f"[{bar:-<20}] {share * 100:3.0f} %  {done:,} of {total:,}, {rate:,.0f}/s{left}"
    )

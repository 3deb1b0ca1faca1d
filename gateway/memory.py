"""Keeping the gateway small: it lives on boxes with little memory.

What else keeps it so: a rare module is imported where it is used, the help of the
command line has one width (`vitals.cli`), and few latencies are kept (`Metrics`).
"""

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8  # of glibc's malloc.h


def share_heap() -> None:
    """Let all threads allocate from one heap, where the C library can (glibc).

    It gives each thread one of its own, and what is free in one serves no other: with
    three threads 0.3 MB.  Ours take turns anyway.  To be called before they begin.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def trim() -> None:
    """Give freed heap back to the system, where the C library can (glibc).

    Importing Bumble leaves 3 to 7 MB of it behind: code is read, unmarshalled and
    dropped.  BlueZ's backend leaves a tenth of that.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)

"""Keeping the gateway small: it lives on boxes with little memory.

What else keeps it so: a rare module is imported where it is used, help has one width
(`vitals.cli`), nouns are structs, and few latencies are kept (`vitals.metrics`).
"""

import asyncio
import ctypes
from contextlib import suppress
from functools import cache

M_ARENA_MAX = -8  # of glibc's malloc.h
TRIM_S = 10.0  # between two


def share_heap() -> None:
    """Let all threads allocate from one heap, where the C library can (glibc).

    It gives each thread one of its own, and what is free in one serves no other: with
    three threads 0.3 MB.  Ours take turns anyway.  To be called before they begin.
    """
    with suppress(AttributeError, OSError, TypeError):
        _libc().mallopt(M_ARENA_MAX, 1)


async def keep_trimmed() -> None:
    """Trim from time to time, for ever.

    Work leaves holes in the heap: 0.6 MB more of them in three minutes of 20 wearables.
    """
    while True:
        trim()
        await asyncio.sleep(TRIM_S)


def trim() -> None:
    """Give freed heap back to the system, where the C library can (glibc).

    Importing Bumble leaves 3 to 7 MB of it behind: code is read, unmarshalled and
    dropped.
    """
    with suppress(AttributeError, OSError, TypeError):
        _libc().malloc_trim(0)


@cache
def _libc() -> ctypes.CDLL:
    """Open the C library once: each time costs some classes."""
    return ctypes.CDLL(None)

"""Who waits at the log-in: few at once, and one address cannot take all places."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address

from portal.problems import Problem

AT_ONCE = 2  # argon2 takes 64 MiB and a core each
PLACES = 16  # that are waited in, or served: a few seconds of work
PLACES_HERE = 4  # of one address
RETRY_S = 2


class Queue:
    """The places at the log-in."""

    def __init__(self) -> None:
        self._served = asyncio.Semaphore(AT_ONCE)
        self._taken: Counter[str] = Counter()

    @asynccontextmanager
    async def place(self, address: str) -> AsyncIterator[None]:
        """Wait for one's turn.

        Raises
        ------
        Problem
            429 when all places, or those of this address, are taken.
        """
        if self._taken.total() >= PLACES or self._taken[address] >= PLACES_HERE:
            detail = "Too many people are logging in; try again in a moment."
            raise Problem(429, detail, {"Retry-After": str(RETRY_S)})
        self._taken[address] += 1
        try:
            async with self._served:
                yield
        finally:
            self._taken[address] -= 1
            self._taken += Counter()  # drops what is zero


def network(host: str) -> str:
    """Give what one client has of addresses: in IPv6 a whole /64.

    >>> network("10.0.0.7"), network("2001:db8::7"), network("")
    ('10.0.0.7', '2001:db8::', '')
    """
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if not isinstance(found, IPv6Address):
        return host
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> 64 << 64))

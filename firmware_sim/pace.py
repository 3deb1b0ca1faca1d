"""The passing of simulated time."""

import asyncio


class Pace:
    """The passing of simulated time, `speed` times as fast as the loop's."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> float:
        """Give the seconds since the simulation began."""
        return (self._loop.time() - self._began) * self.speed

    async def until(self, when: float) -> None:
        """Sleep until then."""
        await asyncio.sleep(max(0.0, when - self.now()) / self.speed)

"""An event loop whose clock jumps to the next timer: hours of a house in minutes.

Nothing waits but for real work: while a thread that the loop was asked to run (SQLite,
say) is at it, the clock stands.
"""

import asyncio
import selectors

PATIENCE_S = 60.0  # real seconds that a thread may take
TURN_S = 1e-7  # that a turn of the loop takes, as computing does


class WarpLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time.

    Attributes
    ----------
    now
        Seconds since it was made; only the loop itself advances it.
    busy
        Calls that threads are working on.
    """

    def __init__(self):
        self.now = 0.0
        self.busy = 0
        loop = self

        class Selector(selectors.DefaultSelector):
            def select(self, timeout=None):
                loop.now += TURN_S
                if timeout is None or timeout <= 0:
                    return super().select(timeout)
                if loop.busy:  # its result arrives through the loop's own pipe
                    return super().select(PATIENCE_S)
                ready = super().select(0)
                if not ready:
                    loop.now += timeout
                return ready

        super().__init__(Selector())

    def time(self):
        """Give the time, s."""
        return self.now

    def run_in_executor(self, executor, call, *arguments):
        """Run a call in a thread; time stands until it is done."""
        future = super().run_in_executor(executor, call, *arguments)
        self.busy += 1
        future.add_done_callback(self._done)
        return future

    async def shutdown_default_executor(self, *limit):
        """Wait for the threads; time stands meanwhile, and no limit is reached."""
        self.busy += 1
        try:
            await super().shutdown_default_executor(*limit)
        finally:
            self.busy -= 1

    def _done(self, _):
        self.busy -= 1


def run(coroutine, limit_s=1e6):
    """Run a coroutine in jumping time, with a limit in that time."""

    async def bounded():
        async with asyncio.timeout(limit_s):
            return await coroutine

    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(bounded())

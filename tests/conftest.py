import asyncio
import contextlib
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.leftovers import MARK, leftovers
from tests.sharing import order

collect_ignore = ["validators"]  # programs for environments of their own

# Tests share the cores: how long one takes says nothing of it.
PATIENCE_S = 240.0  # what hangs for so long hangs for ever
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in every run: who is told of a failure has made it.  `make soak`
# searches on, at random.
settings.register_profile("shared", patient, derandomize=True)
settings.register_profile("searching", patient)
settings.load_profile("shared")


def pytest_collection_modifyitems(items):
    order(items)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind():
    """Whatever the tests started has ended with them, whether they passed or not."""
    run = os.environ[MARK] = str(os.getpid())
    yield
    found = leftovers(run, 60.0)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    assert not found, f"left running: {found}"


@pytest.fixture
def at():
    """Clock for tests: at(seconds) gives ms since a fixed epoch."""
    return lambda seconds: 1_700_000_000_000 + round(seconds * 1000)


@pytest.fixture
def run():
    """Run a coroutine with a time limit, so that a hung test says so."""

    def go(coroutine, timeout=PATIENCE_S):
        async def bounded():
            async with asyncio.timeout(timeout):
                return await coroutine

        return asyncio.run(bounded())

    return go


@contextlib.asynccontextmanager
async def background(*coroutines):
    """Run coroutines beside a block; a failing one fails the test."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


@pytest.fixture
def beside():
    return background

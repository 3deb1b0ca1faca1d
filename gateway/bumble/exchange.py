"""Requests to a peer: run to their end, their errors told in bleak's words."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bleak.exc import (
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from bumble import att, core, hci

T = TypeVar("T")

_AT_WORK: set["asyncio.Task[Any]"] = set()  # that nobody else holds


def to_its_end(work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
    """Give what can be waited for and given up, while the work goes on to its end.

    An error that nobody waits for any more is nobody's.
    """
    task = asyncio.ensure_future(work)
    _AT_WORK.add(task)
    task.add_done_callback(_ended)
    return asyncio.shield(task)


def _ended(task: "asyncio.Task[Any]") -> None:
    _AT_WORK.discard(task)
    if not task.cancelled():
        task.exception()


def _cancelled() -> bool:
    """Tell whether somebody wants the current task to end."""
    task = asyncio.current_task()
    return bool(task and task.cancelling())


class Exchanges:
    """The exchanges that are under way with one peer.

    A cancelled request's late answer would be given to the next request, so each runs
    to its end even when nobody waits for it any more.  And a lost link cancels the
    requests under way, which looks like our own cancellation: `run` tells them apart.
    """

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    async def run(self, exchange: Coroutine[Any, Any, T]) -> T:
        """Run one exchange to its end; tell its errors in bleak's words.

        Raises
        ------
        BleakGATTProtocolError
            The peer answered with an ATT error.
        BleakError
            The link was lost, or the exchange failed.
        """
        task = asyncio.create_task(exchange)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except att.ATT_Error as error:
            code = BleakGATTProtocolErrorCode(error.error_code)
            raise BleakGATTProtocolError(code) from error
        except asyncio.CancelledError as error:
            if _cancelled() or not task.cancelled():
                raise  # it is we who were cancelled, be it as the link was lost
            raise BleakError("disconnected") from error
        except (core.BaseBumbleError, hci.HCI_Error) as error:
            raise BleakError(f"{type(error).__name__}: {error}") from error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Take note of the end, and of an error that nobody waits for any more."""
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()

    def cut_off(self) -> None:
        """End all exchanges with a peer that is gone."""
        for exchange in self._under_way:
            exchange.cancel()

"""Fetches the records that a wearable keeps, and lets it forget them last of all.

`gateway.stored` decides, this talks.
"""

import asyncio
import logging

from gateway.link import Link
from gateway.outbox import Outbox
from gateway.recorder import Recorder
from gateway.stored import Shelf
from vitals import MalformedData
from vitals.gatt import record_access
from vitals.gatt.record_access import CONTROL_POINT, RecordAccess

log = logging.getLogger(__name__)

PATIENCE_S = 30.0  # without a record or an answer
PAGE = 1000  # records read from the outbox at once


class Fetch:
    """The way of one wearable's stored records into the outbox."""

    def __init__(self, device: str, recorder: Recorder) -> None:
        self._device, self._recorder = device, recorder
        self._shelf = Shelf()
        self._answers: asyncio.Queue[RecordAccess] = asyncio.Queue()
        self._stored: list[asyncio.Future[None]] = []
        self._progress = asyncio.Event()

    def heard(self, data: bytes, stored: "asyncio.Future[None]") -> None:
        """Take note of a record; `stored` ends once it is on disk."""
        self._shelf.heard(data)
        self._stored.append(stored)
        self._progress.set()

    async def listen(self, link: Link) -> None:
        """Subscribe to the answers; those of an older link are void."""
        self._answers = asyncio.Queue()
        await link.listen(CONTROL_POINT, self._take)

    async def dump(self, link: Link) -> None:
        """Ask for all that we do not have, and wait until it is on disk.

        Raises
        ------
        TimeoutError
            The wearable has stopped answering.
        """
        self._stored = []
        command: RecordAccess | None = self._shelf.begin()
        while command:
            command = self._next(await self._ask(link, command))
        results = await asyncio.gather(*self._stored, return_exceptions=True)
        if not any(isinstance(result, BaseException) for result in results):
            self._shelf.keep()
        if not self._shelf.complete:
            log.warning("%s did not report all that it has stored", self._device)

    async def tidy(self, link: Link) -> int | None:
        """Let the wearable forget what ingest has committed; give up to which record.

        None: there is nothing, or something of it is not committed.
        """
        command = self._shelf.forget()
        if command is None or await self._uncommitted():
            return None
        answer = await self._ask(link, command)
        if answer.build() != _DELETED.build():
            log.info("%s does not delete: %s", self._device, answer)
            return None
        [last] = command.sequences
        return last

    async def _ask(self, link: Link, command: RecordAccess) -> RecordAccess:
        """Write a command and wait for its answer, as long as records come."""
        if not await link.write(CONTROL_POINT, command.build()):
            return RecordAccess.response(command.op_code, record_access.NOT_COMPLETED)
        while True:
            self._progress.clear()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    return await self._answers.get()
            except TimeoutError:
                if not self._progress.is_set():
                    raise

    def _next(self, answer: RecordAccess) -> RecordAccess | None:
        """Give what to ask next; to what is no answer there is nothing to say."""
        try:
            return self._shelf.answered(answer)
        except MalformedData as error:
            log.warning("%s: %s", self._device, error)
            return None

    async def _uncommitted(self) -> bool:
        """Tell whether the outbox still holds a record of this wearable."""
        if self._recorder.waiting(self._device):
            return True
        after = 0
        while page := await self._recorder.ask(Outbox.pending, after, PAGE):
            if any(row.device == self._device for row in page):
                return True
            after = page[-1].id
        return False

    def _take(self, data: bytes) -> "asyncio.Future[None]":
        """Take an answer of the control point."""
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        taken.set_result(None)
        try:
            self._answers.put_nowait(RecordAccess.parse(data))
        except MalformedData as error:
            log.warning("%s: refused %s", self._device, error)
        return taken


_DELETED = RecordAccess.response(record_access.DELETE, record_access.SUCCESS)

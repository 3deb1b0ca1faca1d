"""Bulk export: jobs that write NDJSON files, which are there for a while.

A job belongs to who has started it, and is of the patients whom they could see then.
Jobs live in this process: after a restart a client starts anew, and what was left of
the files is removed.
"""

import asyncio
import logging
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from portal.fhir.parameters import Search
from portal.fhir.resources import Resource, encode_lines
from portal.fhir.shelves import SHELVES, Shelf, Sight
from portal.times import rfc3339
from vitals.errors import Unavailable
from vitals.model import Instant

log = logging.getLogger(__name__)

TYPES = ("Patient", "Device", "Observation", "DetectedIssue", "AuditEvent")
KEEP_S = 3600.0  # that the files of a job are there
MOST_RUNNING = 2  # jobs in all; one person has at most one
ROOM = 1 << 30  # octets that must stay free: records come first
PAGE = 1000  # resources that are written at a time


class Output(Struct, frozen=True):
    """One file."""

    type: str
    count: int


class Order(Struct, frozen=True, kw_only=True):
    """What is to be exported."""

    request: str  # its address, for the manifest
    searches: dict[str, Search]  # by type
    since: Instant = Instant(0)  # only what was received from then on
    t: Instant  # when it was asked for


class Job(Struct, kw_only=True):
    """One export, from the kick-off until its files are gone."""

    id: str
    owner: str
    subjects: frozenset[str]
    order: Order
    written: int = 0
    outputs: list[Output] | None = None  # None: it still runs
    failed: str = ""
    task: asyncio.Task[None] | None = field(default=None)

    @property
    def running(self) -> bool:
        """Tell whether there is more to come."""
        return self.outputs is None and not self.failed


class Exports:
    """All jobs of this process; `folder` is theirs alone."""

    def __init__(self, folder: Path, keep_s: float = KEEP_S, room: int = ROOM) -> None:
        self._folder, self._keep_s, self._room = folder, keep_s, room
        self._jobs: dict[str, Job] = {}
        shutil.rmtree(folder, ignore_errors=True)

    def busy(self, owner: str) -> bool:
        """Tell whether somebody has to wait before another job."""
        running = [job.owner for job in self._jobs.values() if job.running]
        return owner in running or len(running) >= MOST_RUNNING

    def start(self, owner: str, sight: Sight, order: Order) -> Job:
        """Begin a job; one's older ones go, with their files."""
        for older in [job for job in self._jobs.values() if job.owner == owner]:
            self.drop(older)
        job = Job(
            id=secrets.token_hex(16),
            owner=owner,
            subjects=sight.subjects,
            order=order,
        )
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._live(job, sight))
        return job

    def job(self, name: str) -> Job | None:
        """Give a job whose files are not gone."""
        return self._jobs.get(name)

    def path(self, job: Job, kind: str) -> Path | None:
        """Give a file of a job."""
        names = {output.type for output in job.outputs or ()}
        return self._file(job, kind) if kind in names else None

    def drop(self, job: Job) -> None:
        """End a job and remove its files."""
        self._jobs.pop(job.id, None)
        if job.task is not None:
            job.task.cancel()
        shutil.rmtree(self._folder / job.id, ignore_errors=True)

    def close(self) -> None:
        """End all jobs."""
        for job in list(self._jobs.values()):
            self.drop(job)

    async def _live(self, job: Job, sight: Sight) -> None:
        """Write a job's files, keep them for a while, remove them."""
        try:
            job.outputs = await self._write(job, sight)
        except Exception:  # whatever it was, who waits for the job hears of it
            log.exception("an export failed")
            job.failed = "The export could not be written; try again later."
        await asyncio.sleep(self._keep_s)
        self._jobs.pop(job.id, None)
        await asyncio.to_thread(shutil.rmtree, self._folder / job.id, True)

    async def _write(self, job: Job, sight: Sight) -> list[Output]:
        outputs = []
        await asyncio.to_thread(self._file(job, "").parent.mkdir, 0o700, True, True)
        for kind, search in job.order.searches.items():
            count, pages = 0, _pages(SHELVES[kind], sight, search)
            while (page := await asyncio.to_thread(next, pages, None)) is not None:
                new = [r for r in page if _received(r) >= rfc3339(job.order.since)]
                await asyncio.to_thread(self._append, job, kind, new)
                count, job.written = count + len(new), job.written + len(new)
            if count:
                outputs.append(Output(kind, count))
        return outputs

    def _append(self, job: Job, kind: str, resources: Sequence[Resource]) -> None:
        if shutil.disk_usage(self._folder).free < self._room:
            raise Unavailable("too little room on the disk for an export")
        with self._file(job, kind).open("ab") as file:
            file.write(encode_lines(resources))

    def _file(self, job: Job, kind: str) -> Path:
        return self._folder / job.id / f"{kind}.ndjson"


def _pages(shelf: Shelf, sight: Sight, search: Search) -> Iterator[list[Resource]]:
    """Give all that a search finds, page by page."""
    search.count = PAGE
    while True:
        page, search.after = shelf.page(sight, search)
        yield page
        if search.after is None:
            return


def _received(resource: Resource) -> str:
    """Give when we learned of a resource; what does not say so is always new."""
    meta = resource.meta
    return (meta.last_updated if meta else None) or "9"

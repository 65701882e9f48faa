"""What is still to be sent, fetched or told, on disk, so that a new start goes on with it."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import msgspec

from hullo.messages.errors import DiskRefuses

JobT = TypeVar("JobT", bound=msgspec.Struct)
Work: TypeAlias = Callable[[str, JobT], Awaitable[float | None]]
"""Does a job, by id; None when it is done, or the seconds after which it is to be tried again."""


class Left(Exception):
    """A job comes to nothing for now; what there is of its sealed file stays for a later one of the same id."""


class JobQueue(Generic[JobT]):
    """Jobs by id, each in a file of its own that only we can read: they hold keys.

    `work` is done for each, `at_once` at a time. When it returns None, the job and its sealed file are removed; when it
    raises `Left` only the job; when it returns seconds, it is done again after them, and others have their turn
    meanwhile. What is not done when `run` is cancelled stays for the next start.
    """

    def __init__(self, folder: Path, kind: type[JobT], work: Work[JobT], *, at_once: int = 2) -> None:
        self.folder = folder
        self._kind = kind
        self._work = work
        self._room = asyncio.Semaphore(at_once)
        self._tasks: asyncio.TaskGroup | None = None
        self._known: set[str] = set()

    def __len__(self) -> int:
        return len(self._known) if self._tasks is not None else sum(1 for _ in self.folder.glob("*.job"))

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._known or self._path(job_id).exists()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            try:
                for job_id, job in self._all():
                    self._start(job_id, job)
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    def add(self, job_id: str, job: JobT) -> None:
        """One more job; without a running queue it waits on disk. Raises `DiskRefuses`."""
        self.save(job_id, job)
        self._start(job_id, job)

    def save(self, job_id: str, job: JobT) -> None:
        """Keep how far a job has come. Raises `DiskRefuses`."""
        keep(self._path(job_id), job)

    def read(self, job_id: str) -> JobT | None:
        """A job as it was kept last."""
        try:
            return msgspec.json.decode(self._path(job_id).read_bytes(), type=self._kind)
        except (OSError, msgspec.DecodeError):
            return None

    def forget_left(self, *, older_than: float, most: int) -> None:
        """Remove sealed files that no job has: those not changed after that Unix time, and all but the last `most`."""
        with contextlib.suppress(OSError):  # they are looked at again
            left = [path for path in self.folder.glob("*.sealed") if path.stem not in self]
            left.sort(key=lambda path: path.stat().st_mtime, reverse=True)
            for rank, path in enumerate(left):
                if rank >= most or path.stat().st_mtime < older_than:
                    path.unlink()

    def make_folder(self) -> None:
        """Raises `OSError`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def sealed(self, job_id: str) -> Path:
        """Where the sealed file of a job is."""
        return self.folder / f"{job_id}.sealed"

    def _start(self, job_id: str, job: JobT) -> None:
        if self._tasks is not None and job_id not in self._known:
            self._known.add(job_id)
            self._tasks.create_task(self._done(job_id, job), name=f"message {self.folder.name}")

    async def _done(self, job_id: str, job: JobT) -> None:
        try:
            done = [self._path(job_id), self.sealed(job_id)]
            try:
                await self._worked(job_id, job)
            except Left:
                done.pop()
            for path in done:
                with contextlib.suppress(OSError):  # the worst that can come of it is that it is done again
                    path.unlink()
        finally:
            self._known.discard(job_id)

    async def _worked(self, job_id: str, job: JobT) -> None:
        while True:
            async with self._room:
                again = await self._work(job_id, job)
            if again is None:
                return
            await asyncio.sleep(again)

    def _all(self) -> Iterator[tuple[str, JobT]]:
        """Those on disk; one that can't be read is left out and stays."""
        for path in sorted(self.folder.glob("*.job")):
            if (job := self.read(path.stem)) is not None:
                yield path.stem, job

    def _path(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.job"


def keep(path: Path, job: msgspec.Struct) -> None:
    """Write a job where only we can read it; when this returns, not even a power cut loses it. Raises `DiskRefuses`."""
    draft = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(job))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise DiskRefuses(f"{path} can't be written: {(error.strerror or str(error)).lower()}") from None


def named_after(*parts: str) -> str:
    """A job's id for what others have named: whatever they wrote, it is a good file name."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

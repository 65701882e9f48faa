"""The one thread of a host process in which its engine works."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.5


class EngineStuck(Exception):
    """A job has run for longer than any job may; only ending the process helps."""


class Worker:
    """Runs jobs one at a time, in the order they came."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._busy_since: float | None = None
        self._waiting = 0

    @property
    def idle(self) -> bool:
        """Whether a job would begin at once."""
        return self._waiting == 0

    async def run(self, job: Callable[[], T]) -> T:
        """The result of `job`. Cancelling does not stop a job that has begun."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._timed, job)
        self._waiting += 1
        running.add_done_callback(self._done)
        return await running

    async def watch(self, limit: float) -> None:
        """Raise `EngineStuck` as soon as a single job has run for `limit` seconds."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            since = self._busy_since
            if since is not None and time.monotonic() - since > limit:
                raise EngineStuck(f"a job of the engine has not ended in {limit:g} s")

    def _done(self, _: object) -> None:
        self._waiting -= 1

    def _timed(self, job: Callable[[], T]) -> T:
        self._busy_since = time.monotonic()
        try:
            return job()
        finally:
            self._busy_since = None

"""The one thread in which a sound library is asked, because it may take its time or never answer."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from hullo.audio.devices.device import SoundSystemStuck

T = TypeVar("T")

_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]

ANSWER_SECONDS = 5.0


class SoundThread:
    """Runs functions one after the other in a thread of its own.

    One that does not come back in time is left behind with its thread, and another thread goes on: a sound server that
    is stopped holds whoever asks it. The threads are daemons, so it holds up the end of the process neither.
    """

    def __init__(self, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._answer_seconds = answer_seconds
        self._jobs = self._started()

    async def run(self, function: Callable[[], T]) -> T:
        """What `function` returns or raises. Raises `SoundSystemStuck` if that takes longer than `answer_seconds`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.put((function, loop, answer))
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await answer
        except TimeoutError:
            self.stop()
            self._jobs = self._started()
            problem = f"the sound system has not answered for {self._answer_seconds:g} s: restart it"
            raise SoundSystemStuck(problem) from None

    def stop(self) -> None:
        """End the thread as soon as it has nothing to do."""
        self._jobs.put(None)

    def _started(self) -> "queue.SimpleQueue[_Job | None]":
        jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        threading.Thread(target=_work, args=(jobs,), name="hullo-sound", daemon=True).start()
        return jobs


def _work(jobs: "queue.SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        function, loop, answer = job
        result, error = None, None
        try:
            result = function()
        except Exception as raised:  # whatever it is, it belongs to whoever asked
            error = raised
        try:
            loop.call_soon_threadsafe(_settle, answer, result, error)
        except RuntimeError:  # the loop has gone, and with it whoever asked
            return


def _settle(answer: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if answer.done():  # nobody waits any more
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)

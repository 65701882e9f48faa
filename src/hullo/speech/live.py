"""The words of a turn while it is still being said."""

import asyncio
from collections.abc import Callable

import numpy as np

from hullo.media.pcm import Pcm
from hullo.speech.errors import SpeechError
from hullo.speech.ports import Recogniser


class LiveWords:
    """Sends speech to the recogniser as it is heard, only for its partial results; `on_text` takes all words so far.

    A recogniser that fails here gives no partial results: what is wrong is told when the whole turn is recognised.
    """

    def __init__(self, recogniser: Recogniser, on_text: Callable[[str], None]) -> None:
        self._recogniser = recogniser
        self._on_text = on_text
        self._task: asyncio.Task[None] | None = None
        self._unsent: list[Pcm] = []
        self._more = asyncio.Event()

    def begin(self, tasks: asyncio.TaskGroup, samples: Pcm) -> None:
        """Speech has begun with `samples` (16 kHz); the work is done in `tasks`."""
        self.stop()
        self.feed(samples)
        self._task = tasks.create_task(self._run())

    def feed(self, samples: Pcm) -> None:
        """More of it. A segment's length is the most that ever waits."""
        self._unsent.append(samples)
        self._more.set()

    def stop(self) -> None:
        """No more is said, or nobody wants to know."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._unsent.clear()

    async def _run(self) -> None:
        try:
            async with self._recogniser.session(self._on_text) as session:
                while True:
                    await self._more.wait()
                    self._more.clear()
                    unsent, self._unsent = self._unsent, []
                    if unsent:
                        await session.feed(np.concatenate(unsent))
        except SpeechError:
            self._task = None

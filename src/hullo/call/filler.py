"""Something to say while whoever answers is still thinking."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import cycle


class Filler:
    """Says the next of `texts` once, when nothing was answered `after` seconds after the peer was understood."""

    def __init__(self, texts: Sequence[str], after: float, say: Callable[[str], None]) -> None:
        self._texts = cycle(texts)
        self._enabled = bool(texts)
        self._after = after
        self._say = say
        self._waiting = asyncio.Event()
        self._answered = asyncio.Event()

    def understood(self) -> None:
        """The peer waits for an answer."""
        if self._enabled:
            self._answered.clear()
            self._waiting.set()

    def answered(self) -> None:
        """There is something to say, or somebody speaks: no filler."""
        self._waiting.clear()
        self._answered.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            try:
                async with asyncio.timeout(self._after):
                    await self._answered.wait()
            except TimeoutError:
                self._say(next(self._texts))

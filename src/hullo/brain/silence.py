"""Notices that nothing happens in a conversation."""

import asyncio
from collections.abc import Callable


class SilenceWatch:
    """Calls `on_silence` each time when nothing was noticed for `after` seconds; never if that is 0."""

    def __init__(self, after: float, on_silence: Callable[[], None]) -> None:
        self._after = after or None
        self._on_silence = on_silence
        self._noticed = asyncio.Event()

    def notice(self) -> None:
        """Something happened: the seconds begin anew."""
        self._noticed.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._noticed.clear()
            try:
                async with asyncio.timeout(self._after):
                    await self._noticed.wait()
            except TimeoutError:
                self._on_silence()

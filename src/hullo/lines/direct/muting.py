"""Each end of a call tells the other whether it has muted itself, over a channel that may lose or reorder it."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from hullo.lines.direct.messages import MAX_MUTES, Mute, MuteSeen

REPEAT = (1.0, 30.0)
"""Seconds before the first and, doubled each time, before every later repetition of what the peer has not seen."""

MuteMessage: TypeAlias = Mute | MuteSeen


class Muting:
    """The mutes of one call at one end. `tell` sends to the peer.

    A peer that does not tell (`peer_tells`) is not told either: its app does not know these messages.
    """

    def __init__(
        self,
        *,
        call_id: str,
        peer_tells: bool,
        tell: Callable[[MuteMessage], None],
        repeat: tuple[float, float] = REPEAT,
    ) -> None:
        self.peer_muted: bool | None = False if peer_tells else None
        """None where the peer does not tell."""
        self.on_peer_muted: Callable[[bool], None] = _ignore
        self._call_id = call_id
        self._tell = tell
        self._repeat = repeat
        self._muted = False
        self._number = self._seen_by_peer = self._seen = 0
        self._changed = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Whether the peer has seen the latest of what we told."""
        return self._seen_by_peer == self._number

    def set_muted(self, muted: bool) -> None:
        """We have muted ourselves, or not any more; the peer is told by `run`."""
        if muted != self._muted and self._number < MAX_MUTES:
            self._muted = muted
            self._number += 1
            self._changed.set()

    def take(self, message: MuteMessage) -> None:
        """The peer tells, or has seen what we told."""
        if isinstance(message, MuteSeen):
            self._seen_by_peer = max(self._seen_by_peer, min(message.number, self._number))
            self._changed.set()
            return
        self._tell(MuteSeen(call_id=self._call_id, number=message.number))
        if message.number > self._seen:
            self._seen = message.number
            if message.muted != self.peer_muted:
                self.peer_muted = message.muted
                self.on_peer_muted(message.muted)

    async def run(self) -> None:
        """Tell the peer of each change until it has seen it; until cancelled."""
        if self.peer_muted is None:
            return
        shortest, longest = self._repeat
        while True:
            await self._changed.wait()
            self._changed.clear()
            number, wait = self._number, shortest
            while not self.settled:
                if number != self._number:
                    number, wait = self._number, shortest
                self._tell(Mute(call_id=self._call_id, muted=self._muted, number=self._number))
                await self._change_within(wait)
                wait = min(2 * wait, longest)

    async def _change_within(self, seconds: float) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return


def _ignore(muted: bool) -> None: ...

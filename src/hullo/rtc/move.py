"""One ICE restart under way (RFC 8445 9), whoever offered it and however it is told."""

import asyncio
import time
from collections.abc import Callable

from hullo.rtc.connection import RtcConnection
from hullo.rtc.path import IcePath, local_addresses

ATTEMPT = 5.0
"""Seconds that a restart may take; then it is to be begun anew, with the addresses that there are then."""


class Move:
    """Another path for a connection, from its gathering until the call goes over it or it is dropped.

    The path in use is kept until this one works.
    """

    def __init__(self, connection: RtcConnection, path: IcePath) -> None:
        self.path = path
        self._connection = connection
        self._began = time.monotonic()
        self._addresses = local_addresses()
        self._connecting: asyncio.Task[None] | None = None

    @classmethod
    async def begin(cls, connection: RtcConnection, wait: float) -> "Move":
        """Gather for it, as `RtcConnection.gather` does."""
        move = cls(connection, connection.new_path())
        try:
            await move.path.gather(wait)
        except BaseException:
            await move.path.close()
            raise
        return move

    @property
    def connecting(self) -> bool:
        """Whether the peer's credentials are known."""
        return self._connecting is not None

    def stale(self, now: float) -> bool:
        """Whether it is to be dropped: it has had its time, or this host has other addresses now."""
        return now - self._began > ATTEMPT or self._addresses != local_addresses()

    def connect(self, ufrag: str, pwd: str, tasks: asyncio.TaskGroup, found: Callable[[], None]) -> None:
        """Connect it to a peer with these credentials, and move there; `found` is called when it works.

        If it doesn't, nothing is told, and its time runs out.
        """
        self.path.set_remote(ufrag, pwd)
        self._connecting = tasks.create_task(self._connect(found), name="ice restart")

    async def drop(self) -> None:
        """Give it up; not once it was found to work."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        await self.path.close()

    async def _connect(self, found: Callable[[], None]) -> None:
        try:
            await self.path.agent.connect()
        except ConnectionError:
            return
        found()
        await self._connection.move_to(self.path)

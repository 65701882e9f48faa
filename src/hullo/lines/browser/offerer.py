"""The side that called keeps a browser call on a path: it restarts ICE when the path is lost (RFC 9725 4.3)."""

import asyncio
import logging
import time

from hullo.lines.browser.client import CallResource, RestartRefused
from hullo.rtc.connection import SERVER_WAIT, RtcConnection
from hullo.rtc.move import Move
from hullo.rtc.path_watch import LOOK_EVERY, PathWatch
from hullo.rtc.sdp_fragment import SdpFragment

logger = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between a restart that did not get through and the next."""


class RestartOfferer:
    """Watches the path of one call from `run` on, and restarts ICE; see `hullo.lines.leg.PathKeeper`.

    The path in use is kept until another one works, and it is not said here when to give up.
    """

    def __init__(self, connection: RtcConnection, resource: CallResource) -> None:
        self._connection = connection
        self._resource = resource
        self._watch = PathWatch(connection)
        self._move: Move | None = None

    @property
    def looking(self) -> bool:
        """Whether another path is being looked for."""
        return self._move is not None or self._watch.quiet(time.monotonic())

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await asyncio.sleep(LOOK_EVERY)
                    await self._look(time.monotonic(), tasks)
        finally:
            await self._drop()

    async def _look(self, now: float, tasks: asyncio.TaskGroup) -> None:
        self._watch.look(now)
        if self._move is not None and self._move.stale(now):
            await self._drop()
        elif self._move is None and self._watch.lost(now):
            await self._restart(tasks)

    async def _restart(self, tasks: asyncio.TaskGroup) -> None:
        logger.info("a browser call lost its path and looks for another one")
        move = self._move = await Move.begin(self._connection, SERVER_WAIT)
        agent = move.path.agent
        ours = SdpFragment(
            ufrag=agent.local_username, pwd=agent.local_password, candidates=tuple(move.path.candidates), complete=True
        )
        try:
            theirs = await self._resource.restart_ice(ours)
        except RestartRefused as refused:
            logger.info("the called side did not answer an ICE restart: %s", refused)
            await self._drop()
            await asyncio.sleep(PAUSE)
            return
        move.path.add_remote(*theirs.candidates, complete=theirs.complete)
        move.connect(theirs.ufrag, theirs.pwd, tasks, self._found)

    def _found(self) -> None:
        self._move = None

    async def _drop(self) -> None:
        move, self._move = self._move, None
        if move is not None:
            await move.drop()

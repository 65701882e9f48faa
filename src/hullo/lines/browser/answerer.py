"""The side that was called keeps a browser call on a path: the caller restarts ICE, and is answered (RFC 9725 4.3)."""

import asyncio
import logging
import time

from hullo.lines.browser.problem import Problem
from hullo.rtc.connection import SERVER_WAIT, RtcConnection
from hullo.rtc.move import Move
from hullo.rtc.path_watch import LOOK_EVERY, PathWatch
from hullo.rtc.sdp_fragment import SdpFragment

logger = logging.getLogger(__name__)


class RestartAnswerer:
    """Watches the path of one call from `run` on, and answers restarts; see `hullo.lines.leg.PathKeeper`.

    ICE sessions are numbered from 0, and of several the last one counts. The path in use is kept until another one
    works, and it is not said here when to give up: the call ends by its own deadline.
    """

    def __init__(self, connection: RtcConnection) -> None:
        self._connection = connection
        self._watch = PathWatch(connection)
        self._in_use = self._latest = 0
        self._move: Move | None = None
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def session(self) -> int:
        """The number of the session whose candidates are taken now."""
        return self._in_use if self._move is None else self._latest

    @property
    def looking(self) -> bool:
        """Whether the path is lost, or the caller looks for another one."""
        return self._move is not None or self._watch.quiet(time.monotonic())

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while True:
                    await asyncio.sleep(LOOK_EVERY)
                    now = time.monotonic()
                    self._watch.look(now)
                    if self._move is not None and self._move.stale(now):
                        await self._drop()
        finally:
            self._tasks = None
            await self._drop()

    async def restart(self, caller: SdpFragment) -> SdpFragment:
        """The caller restarts: our side of the new session. Raises `Problem` before there was a path at all."""
        if self._tasks is None:
            raise Problem(
                409, "not-connected", "the call has no path that could be changed", "wait until it is answered"
            )
        self._latest += 1
        number = self._latest
        await self._drop()
        move = await Move.begin(self._connection, SERVER_WAIT)
        if number != self._latest or self._tasks is None:
            await move.drop()
            raise Problem(409, "overtaken", "the call was restarted again, or has ended", "use the latest answer")
        self._move = move
        move.path.add_remote(*caller.candidates, complete=caller.complete)
        move.connect(caller.ufrag, caller.pwd, self._tasks, lambda: self._found(number))
        return SdpFragment(
            ufrag=move.path.agent.local_username,
            pwd=move.path.agent.local_password,
            candidates=tuple(move.path.candidates),
            complete=True,
        )

    def add_candidates(self, session: int, fragment: SdpFragment) -> None:
        """The caller has found more for that session, 0 that of its offer. Raises `Problem` if it is an older one."""
        if session != self.session:
            raise Problem(412, "other-session", "these candidates are of an older ICE session", "send the latest ones")
        if self._move is not None:
            self._move.path.add_remote(*fragment.candidates, complete=fragment.complete)
            return
        for candidate in fragment.candidates:
            self._connection.add_remote_candidate(candidate)
        if fragment.complete:
            self._connection.add_remote_candidate(None)

    def _found(self, number: int) -> None:
        self._in_use, self._move = number, None
        logger.info("a browser call goes on over another path, restart %d", number)

    async def _drop(self) -> None:
        move, self._move = self._move, None
        if move is not None:
            await move.drop()

"""A call that lost its path looks for another one: ICE restarts over the line's messages."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from hullo.lines.direct.messages import Candidates, Restart, RestartAnswer, Transport
from hullo.lines.direct.restarts import Restarts, Verdict
from hullo.rtc.candidate import IceCandidate, readable
from hullo.rtc.connection import RtcConnection
from hullo.rtc.move import Move
from hullo.rtc.path_watch import LOOK_EVERY, PathWatch

logger = logging.getLogger(__name__)

REPEAT = 1.0
"""Seconds after which an offer without an answer is sent again: messages are lost where paths are."""
MAX_INBOX = 64
MAX_EARLY = 16
"""Candidates messages that wait for the restart that they belong to."""

MoveMessage: TypeAlias = Candidates | Restart | RestartAnswer


@dataclass
class _Attempt:
    number: int
    move: Move
    said: Restart | RestartAnswer
    said_at: float


class Mover:
    """Watches the path of one call from `run` on, and moves the call when it is lost or when the peer asks.

    `tell` sends a message to the peer's device. The path in use is kept until another one works, and it is not said
    here when to give up: the call ends by its own deadline.
    """

    def __init__(
        self,
        connection: RtcConnection,
        *,
        call_id: str,
        is_caller: bool,
        fingerprints: tuple[str, str],
        tell: Callable[[MoveMessage], None],
    ) -> None:
        """`fingerprints` are ours and the peer's, which stay the same."""
        self._connection = connection
        self._watch = PathWatch(connection)
        self._call_id = call_id
        self._restarts = Restarts(is_caller=is_caller)
        self._own_fingerprint, self._peer_fingerprint = fingerprints
        self._tell = tell
        self._inbox: asyncio.Queue[MoveMessage] = asyncio.Queue(MAX_INBOX)
        self._early: list[Candidates] = []
        self._attempt: _Attempt | None = None

    @property
    def looking(self) -> bool:
        """Whether another path is being looked for."""
        return self._attempt is not None or self._watch.quiet(time.monotonic())

    def take(self, message: MoveMessage) -> None:
        """The peer says something about a restart; beyond `MAX_INBOX` it is dropped, as if the channel had lost it."""
        if not self._inbox.full():
            self._inbox.put_nowait(message)

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._step(tasks)
        finally:
            await self._drop()

    async def _step(self, tasks: asyncio.TaskGroup) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY):
                message = await self._inbox.get()
        except TimeoutError:
            await self._look(time.monotonic())
            return
        match message:
            case Candidates():
                self._take_candidates(message)
            case Restart() | RestartAnswer() if message.transport.fingerprint != self._peer_fingerprint:
                logger.warning("a restart with another certificate is ignored")
            case Restart():
                await self._take_offer(message, tasks)
            case RestartAnswer():
                self._take_answer(message, tasks)

    # Losing the path

    async def _look(self, now: float) -> None:
        attempt = self._attempt
        self._watch.look(now)
        if attempt is None:
            if self._watch.lost(now):
                await self._offer()
        elif attempt.move.stale(now):
            await self._drop()
        elif not attempt.move.connecting and now - attempt.said_at > REPEAT:
            attempt.said_at = now
            self._tell(attempt.said)

    # Finding another one

    async def _offer(self) -> None:
        number = self._restarts.offer()
        if number is None:
            return
        logger.info("call %s lost its path and looks for another one, restart %d", self._call_id, number)
        move, transport = await self._gathered(number)
        self._begin(number, move, Restart(call_id=self._call_id, number=number, transport=transport))

    async def _take_offer(self, offer: Restart, tasks: asyncio.TaskGroup) -> None:
        verdict = self._restarts.offered(offer.number)
        if verdict is Verdict.REPEAT_ANSWER and self._attempt is not None:
            self._tell(self._attempt.said)
        if verdict is not Verdict.TAKE:
            return
        await self._drop()
        move, transport = await self._gathered(offer.number)
        said = RestartAnswer(call_id=self._call_id, number=offer.number, transport=transport)
        self._connect(self._begin(offer.number, move, said), offer.transport, tasks)

    def _take_answer(self, answer: RestartAnswer, tasks: asyncio.TaskGroup) -> None:
        attempt = self._attempt
        if attempt is not None and not attempt.move.connecting and self._restarts.answered(answer.number):
            self._connect(attempt, answer.transport, tasks)

    def _take_candidates(self, message: Candidates) -> None:
        attempt = self._attempt
        if attempt is not None and attempt.number == message.restart:
            attempt.move.path.add_remote(*readable(message.candidates), complete=message.complete)
        elif attempt is None or attempt.number < message.restart:
            self._early = [*self._early, message][-MAX_EARLY:]

    async def _gathered(self, number: int) -> tuple[Move, Transport]:
        move = await Move.begin(self._connection, wait=0)
        path = move.path
        path.on_local_candidate = lambda candidate: self._found(number, candidate)
        transport = Transport(
            ufrag=path.agent.local_username,
            pwd=path.agent.local_password,
            fingerprint=self._own_fingerprint,
            candidates=tuple(map(str, path.candidates)),
            complete=path.complete,
        )
        return move, transport

    def _begin(self, number: int, move: Move, said: Restart | RestartAnswer) -> _Attempt:
        attempt = self._attempt = _Attempt(number, move, said, time.monotonic())
        self._tell(said)
        early, self._early = self._early, []
        for message in early:
            self._take_candidates(message)
        return attempt

    def _found(self, number: int, candidate: IceCandidate | None) -> None:
        found = () if candidate is None else (str(candidate),)
        self._tell(Candidates(call_id=self._call_id, candidates=found, complete=candidate is None, restart=number))

    def _connect(self, attempt: _Attempt, peer: Transport, tasks: asyncio.TaskGroup) -> None:
        attempt.move.path.add_remote(*readable(peer.candidates), complete=peer.complete)
        attempt.move.connect(peer.ufrag, peer.pwd, tasks, lambda: self._found_path(attempt))

    def _found_path(self, attempt: _Attempt) -> None:
        self._attempt = None
        logger.info("call %s goes on over another path, restart %d", self._call_id, attempt.number)

    async def _drop(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            await attempt.move.drop()

"""A call that lost its path looks for another one: ICE restarts over the line's messages."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from hullo.lines.direct.messages import Candidates, Restart, RestartAnswer, Transport
from hullo.lines.direct.restarts import Restarts, Verdict
from hullo.rtc.candidate import CandidateError, IceCandidate, parse_candidate
from hullo.rtc.connection import RtcConnection
from hullo.rtc.path import IcePath, local_addresses

logger = logging.getLogger(__name__)

QUIET = 1.5
"""Seconds without anything of the peer, sound or check, after which the path counts as lost."""
ASK_FROM = 0.5
"""Seconds of quiet after which the path is asked at every look: a peer that is muted says little by itself."""
LOOK_EVERY = 0.1
REPEAT = 1.0
"""Seconds after which an offer without an answer is sent again: messages are lost where paths are."""
ATTEMPT = 5.0
"""Seconds that an attempt may take; then it is begun anew, with the addresses that there are then."""
MAX_INBOX = 64
MAX_EARLY = 16
"""Candidates messages that wait for the restart that they belong to."""

MoveMessage: TypeAlias = Candidates | Restart | RestartAnswer


@dataclass
class _Attempt:
    number: int
    path: IcePath
    began: float
    addresses: list[str]
    said: Restart | RestartAnswer
    said_at: float
    connecting: asyncio.Task[None] | None = None


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
        return self._attempt is not None or self._quiet_for(time.monotonic()) > QUIET

    def take(self, message: MoveMessage) -> None:
        """The peer says something about a restart; beyond `MAX_INBOX` it is dropped, as if the channel had lost it."""
        if not self._inbox.full():
            self._inbox.put_nowait(message)

    async def run(self) -> None:
        """Watch until cancelled."""
        self._connection.outlive_path()
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
        if self._quiet_for(now) > ASK_FROM:
            self._connection.check_path(_ignore)
        if attempt is None:
            if self._lost(now):
                await self._offer(now)
        elif now - attempt.began > ATTEMPT or attempt.addresses != local_addresses():
            await self._drop()
        elif attempt.connecting is None and now - attempt.said_at > REPEAT:
            attempt.said_at = now
            self._tell(attempt.said)

    def _lost(self, now: float) -> bool:
        return self._quiet_for(now) > QUIET or self._connection.path_is_broken()

    def _quiet_for(self, now: float) -> float:
        heard = self._connection.last_heard
        return 0.0 if heard is None else now - heard

    # Finding another one

    async def _offer(self, now: float) -> None:
        number = self._restarts.offer()
        if number is None:
            return
        logger.info("call %s lost its path and looks for another one, restart %d", self._call_id, number)
        path, transport = await self._gathered(number)
        said = Restart(call_id=self._call_id, number=number, transport=transport)
        self._begin(_Attempt(number, path, now, local_addresses(), said, now))

    async def _take_offer(self, offer: Restart, tasks: asyncio.TaskGroup) -> None:
        verdict = self._restarts.offered(offer.number)
        if verdict is Verdict.REPEAT_ANSWER and self._attempt is not None:
            self._tell(self._attempt.said)
        if verdict is not Verdict.TAKE:
            return
        await self._drop()
        path, transport = await self._gathered(offer.number)
        said = RestartAnswer(call_id=self._call_id, number=offer.number, transport=transport)
        now = time.monotonic()
        attempt = _Attempt(offer.number, path, now, local_addresses(), said, now)
        self._begin(attempt)
        self._connect(attempt, offer.transport, tasks)

    def _take_answer(self, answer: RestartAnswer, tasks: asyncio.TaskGroup) -> None:
        attempt = self._attempt
        if attempt is not None and attempt.connecting is None and self._restarts.answered(answer.number):
            self._connect(attempt, answer.transport, tasks)

    def _take_candidates(self, message: Candidates) -> None:
        attempt = self._attempt
        if attempt is not None and attempt.number == message.restart:
            attempt.path.add_remote(*readable(message.candidates), complete=message.complete)
        elif attempt is None or attempt.number < message.restart:
            self._early = [*self._early, message][-MAX_EARLY:]

    async def _gathered(self, number: int) -> tuple[IcePath, Transport]:
        path = self._connection.new_path()
        await path.gather(0)
        path.on_local_candidate = lambda candidate: self._found(number, candidate)
        transport = Transport(
            ufrag=path.agent.local_username,
            pwd=path.agent.local_password,
            fingerprint=self._own_fingerprint,
            candidates=tuple(map(str, path.candidates)),
            complete=path.complete,
        )
        return path, transport

    def _begin(self, attempt: _Attempt) -> None:
        self._attempt = attempt
        self._tell(attempt.said)
        early, self._early = self._early, []
        for message in early:
            self._take_candidates(message)

    def _found(self, number: int, candidate: IceCandidate | None) -> None:
        found = () if candidate is None else (str(candidate),)
        self._tell(Candidates(call_id=self._call_id, candidates=found, complete=candidate is None, restart=number))

    def _connect(self, attempt: _Attempt, peer: Transport, tasks: asyncio.TaskGroup) -> None:
        attempt.path.set_remote(peer.ufrag, peer.pwd)
        attempt.path.add_remote(*readable(peer.candidates), complete=peer.complete)
        attempt.connecting = tasks.create_task(self._move(attempt), name="ice restart")

    async def _move(self, attempt: _Attempt) -> None:
        try:
            await attempt.path.agent.connect()
        except ConnectionError:
            return  # its time runs out, and another one is begun
        self._attempt = None
        await self._connection.move_to(attempt.path)
        logger.info("call %s goes on over another path, restart %d", self._call_id, attempt.number)

    async def _drop(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        if attempt.connecting is not None:
            attempt.connecting.cancel()
            await asyncio.wait([attempt.connecting])
        await attempt.path.close()


def readable(lines: tuple[str, ...]) -> list[IceCandidate]:
    """The candidates of a message; what can't be read is left out (RFC 8839 5.1)."""
    found = []
    for line in lines:
        try:
            found.append(parse_candidate(line))
        except CandidateError:
            logger.debug("a candidate that can't be read is left out")
    return found


def _ignore(now: float) -> None: ...

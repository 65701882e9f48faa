"""The leg of a direct call: an RTC leg whose two ends tell each other that they hear, and that can be verified."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec
from typing_extensions import override

from hullo.lines.direct.message_way import MessageWay
from hullo.lines.direct.mover import Mover
from hullo.lines.direct.muting import Muting
from hullo.lines.leg import RtcLeg
from hullo.lines.line import Ending, LegReport
from hullo.rtc.channel import AudioChannel
from hullo.rtc.connection import RtcConnection

logger = logging.getLogger(__name__)

VERSION = "1"
REPEAT_READY = 1.0
"""Seconds after which the peer is told again that we hear it; the first message may have been lost."""


class DirectLeg(RtcLeg):
    """See `hullo.lines.line.Leg`.

    It is connected once each side has heard authenticated sound and told the other, and the emoji are known, which
    the caller had committed to before it knew the callee's certificate.
    """

    def __init__(
        self,
        connection: RtcConnection,
        channel: AudioChannel,
        *,
        mover: Mover,
        muting: Muting,
        way: MessageWay | None,
        tell_ready: Callable[[bool], None],
        verified: Callable[[], bool],
        farewell: Callable[[Ending], Awaitable[None]],
    ) -> None:
        """`tell_ready` tells the peer that we hear it, and whether it has told us so; `verified` whether keys match."""
        self.mover = mover
        """Told what the peer says about another path."""
        self.muting = muting
        """Told what the peer says about mutes."""
        self.way = way
        """Where voice messages can go, if both sides take some."""
        muting.on_peer_muted = self._peer_muted_itself
        self.peer_muted = muting.peer_muted
        self._tell_ready = tell_ready
        self._verified = verified
        self._say_farewell = farewell
        self._goodbye: Ending | None = None
        self._peer_ready = asyncio.Event()
        self._emoji: tuple[str, ...] | None = None
        self._emoji_known = asyncio.Event()
        super().__init__(connection, channel, farewell=self._say_goodbye, keeper=mover)

    def peer_ready(self, seen: bool) -> None:
        """The peer says that it hears us; says it again, not having `seen` that we do, our own message was lost."""
        if not self._peer_ready.is_set():
            self._connection.reached("peer_ready")
        elif not seen and self._channel.first_heard.is_set():
            self._tell_ready(True)
        self._peer_ready.set()

    def set_emoji(self, emoji: tuple[str, ...]) -> None:
        """The emoji of the call are known."""
        self._emoji = emoji
        self._emoji_known.set()

    @override
    def set_muted(self, muted: bool) -> None:
        """While muted no sound is sent, not even silence, and the peer is told."""
        super().set_muted(muted)
        self.muting.set_muted(muted)

    @override
    def report(self) -> LegReport:
        """How the leg came about."""
        report = super().report()
        return msgspec.structs.replace(report, emoji=self._emoji, version=VERSION, verified=self._verified())

    @override
    async def close(self, ending: Ending) -> None:
        """Say goodbye and free everything; idempotent, bounded in time, never raises."""
        if self._goodbye is None:
            self._goodbye = self._over.result() if self._over.done() else ending
        await super().close(ending)

    @override
    async def _lasting(self) -> Ending:
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self.muting.run(), name="muting")]
            if self.way is not None:
                beside.append(tasks.create_task(self.way.run(), name="message way"))
            ending = await super()._lasting()
            for task in beside:
                task.cancel()
        return ending

    @override
    def _start_sound(self) -> None:
        super()._start_sound()
        if self._connected:
            self._channel.greet()

    @override
    async def _proven(self) -> None:
        await self._channel.first_heard.wait()
        self._tell_ready(self._peer_ready.is_set())
        while not self._peer_ready.is_set():
            try:
                async with asyncio.timeout(REPEAT_READY):
                    await self._peer_ready.wait()
            except TimeoutError:
                self._tell_ready(False)
        await self._emoji_known.wait()
        self._sound_proven = True

    @override
    def _proof(self) -> str | None:
        return "peer" if self._peer_ready.is_set() else None

    def _peer_muted_itself(self, muted: bool) -> None:
        self.peer_muted = muted
        self.on_peer_muted(muted)

    async def _say_goodbye(self) -> None:
        if self._goodbye is not None:
            await self._say_farewell(self._goodbye)

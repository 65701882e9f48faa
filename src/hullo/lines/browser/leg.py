"""The leg of a call that came in by HTTP: what its caller may still say about it."""

import asyncio
from collections.abc import Awaitable, Callable

from typing_extensions import override

from hullo.lines.browser.answerer import RestartAnswerer
from hullo.lines.leg import RtcLeg
from hullo.lines.line import Ending
from hullo.rtc.channel import AudioChannel
from hullo.rtc.connection import RtcConnection
from hullo.rtc.sdp_fragment import SdpFragment, build_fragment

TRICKLE_SECONDS = 5.0
"""After the answer, candidates of the offer are waited for as long; not all callers say which is their last."""


class CalledLeg(RtcLeg):
    """See `hullo.lines.line.Leg`. The caller restarts ICE, and says when it is muted."""

    def __init__(
        self,
        connection: RtcConnection,
        channel: AudioChannel,
        *,
        mid: str | None,
        trickles: bool,
        farewell: Callable[[], Awaitable[None]],
    ) -> None:
        """`mid` is that of the audio section in the offer; `trickles` if candidates may follow that."""
        self._mid = mid
        self._last_candidate: asyncio.TimerHandle | None = None
        if trickles:
            loop = asyncio.get_running_loop()
            self._last_candidate = loop.call_later(TRICKLE_SECONDS, connection.add_remote_candidate, None)
        self._answerer = RestartAnswerer(connection)
        super().__init__(connection, channel, farewell=farewell, keeper=self._answerer)

    @property
    def ice_session(self) -> int:
        """The number of the ICE session that candidates are taken for."""
        return self._answerer.session

    async def restart_ice(self, caller: SdpFragment) -> str:
        """The answer to an ICE restart, an SDP fragment. Raises `Problem`."""
        return build_fragment(await self._answerer.restart(caller), self._mid)

    def add_candidates(self, session: int, fragment: SdpFragment) -> None:
        """Candidates of the caller that were found since. Raises `Problem` for an older ICE session."""
        self._answerer.add_candidates(session, fragment)

    def say_peer_muted(self, muted: bool) -> None:
        """The caller says that it is muted, or is no more."""
        if muted != bool(self.peer_muted):
            self.on_peer_muted(muted)
        self.peer_muted = muted

    @override
    async def close(self, ending: Ending) -> None:
        """Say goodbye and free everything; idempotent, bounded in time, never raises."""
        if self._last_candidate is not None:
            self._last_candidate.cancel()
        await super().close(ending)

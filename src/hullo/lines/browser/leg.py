"""The leg of a call that came in by HTTP: what its caller may still say about it."""

from collections.abc import Awaitable, Callable

from hullo.lines.browser.answerer import RestartAnswerer
from hullo.lines.leg import RtcLeg
from hullo.rtc.channel import AudioChannel
from hullo.rtc.connection import RtcConnection
from hullo.rtc.sdp_fragment import SdpFragment, build_fragment


class CalledLeg(RtcLeg):
    """See `hullo.lines.line.Leg`. The caller restarts ICE, and says when it is muted."""

    def __init__(
        self,
        connection: RtcConnection,
        channel: AudioChannel,
        *,
        mid: str | None,
        farewell: Callable[[], Awaitable[None]],
    ) -> None:
        """`mid` is that of the audio section in the offer."""
        self._mid = mid
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

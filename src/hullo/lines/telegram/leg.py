"""The leg of a Telegram call: an RTC leg that tells the peer when it is muted, and reports how the call came about."""

import logging
from collections.abc import Awaitable, Callable, Container, Mapping

import msgspec
from typing_extensions import override

from hullo.lines.leg import RtcLeg
from hullo.lines.line import Ending, LegReport
from hullo.lines.telegram.call_signaling import MediaSetup
from hullo.lines.telegram.emoji import Emoji
from hullo.lines.telegram.media import TelegramMedia
from hullo.lines.telegram.signaling.negotiation import OPUS
from hullo.rtc.channel import AudioChannel
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import Consent

logger = logging.getLogger(__name__)


class TelegramLeg(RtcLeg):
    """See `hullo.lines.line.Leg`. `emoji` are for the two people to compare; `version` is that of the call protocol."""

    def __init__(
        self,
        setup: MediaSetup,
        *,
        clock: MediaClock,
        send_packet: Callable[[bytes], None],
        farewell: Callable[[Ending], Awaitable[None]],
        call_stages: Mapping[str, float],
        consent: Consent = Consent(),  # noqa: B008  # frozen
    ) -> None:
        """`call_stages` are monotonic times of what came before, by name; the first is when the call began."""
        self.emoji: Emoji = setup.emoji
        self.version = setup.version
        self.peer_muted = False
        self._call_stages = dict(call_stages)
        self._media = TelegramMedia(
            setup,
            send_packet=send_packet,
            on_failed=self.hang_up,
            on_peer_muted=self._peer_muted_itself,
            consent=consent,
        )
        self._say_farewell = farewell
        self._goodbye: Ending | None = None
        connection = self._media.connection
        channel = AudioChannel(connection, clock, payload_type=OPUS.id, identity=self._media.identity)
        super().__init__(connection, channel, farewell=self._end_media, connect=self._connect_media)

    async def start(self) -> None:
        """Begin to signal and to connect; returns at once."""
        await self._media.start()

    def packet_arrived(self, packet: bytes) -> None:
        """Take a signaling packet of the peer's app."""
        self._media.receive(packet)

    @override
    def set_muted(self, muted: bool) -> None:
        """While muted no sound is sent, not even silence, and the peer's app shows it."""
        super().set_muted(muted)
        self._media.announce_muted(muted)

    @override
    def report(self) -> LegReport:
        """How the leg came about; stages are seconds from the beginning of the call."""
        report = super().report()
        began = min(self._call_stages.values(), default=self._media.began)
        stages = {name: reached - began for name, reached in self._call_stages.items()}
        stages |= {name: self._media.began - began + seconds for name, seconds in report.stages.items()}
        return msgspec.structs.replace(report, stages=stages, emoji=self.emoji, version=self.version)

    @override
    def stage_after(self, reached: Container[str]) -> str:
        """The peer's app has to be heard of through Telegram first, and has to agree on the sound last."""
        if "described" not in reached:
            return "signaling"
        stage = super().stage_after(reached)
        return "negotiation" if stage == "sound" and "negotiated" not in reached else stage

    @override
    async def close(self, ending: Ending) -> None:
        """Hang up at Telegram too; idempotent, bounded in time, never raises."""
        if self._goodbye is None:
            self._goodbye = self._over.result() if self._over.done() else ending
        await super().close(ending)

    def _peer_muted_itself(self, muted: bool) -> None:
        self.peer_muted = muted
        self.on_peer_muted(muted)

    async def _connect_media(self) -> None:
        negotiated = await self._media.connect()
        self._channel.set_payload_types(incoming=negotiated.incoming, outgoing=negotiated.outgoing)

    async def _end_media(self) -> None:
        await self._media.close()
        if self._goodbye is not None:
            await self._say_farewell(self._goodbye)

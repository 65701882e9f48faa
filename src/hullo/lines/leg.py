"""The leg of every line whose sound travels by ICE and DTLS-SRTP."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Container
from typing import Protocol

from hullo.lines.line import CallFailed, CandidatePair, Ending, EndReason, LegReport, LegStats
from hullo.media.pcm import Ear, Mouth
from hullo.rtc.channel import AudioChannel
from hullo.rtc.connection import ConnectError, LossCause, RtcConnection
from hullo.rtc.parameters import PairReport

logger = logging.getLogger(__name__)

PATH_CHECK_EVERY = 0.1
"""Seconds between two checks of the path while the peer has not yet proven that it gets our packets."""

Farewell = Callable[[], Awaitable[None]]

_ENDINGS = {
    LossCause.CLOSED_BY_PEER: Ending(EndReason.HANGUP_USER, "the peer hung up"),
    LossCause.CONSENT_EXPIRED: Ending(
        EndReason.FAILED, "the peer stopped answering: its program or its network is gone; call again"
    ),
    LossCause.TRANSPORT_LOST: Ending(
        EndReason.FAILED, "the local socket or the relay that carried the call was lost; call again"
    ),
}


class PathKeeper(Protocol):
    """What finds another path for a connection that has lost its own: ICE restarts, over the line's signaling."""

    @property
    def looking(self) -> bool:
        """Whether the path is lost, or another one is being looked for."""

    async def run(self) -> None:
        """See to the path until cancelled."""


class RtcLeg:
    """Drives one connection and its audio channel; see `hullo.lines.line.Leg`.

    It begins to connect when it is made, and has `keeper` keep it on a path from then on; without one it only waits for
    the path that there is. `farewell` is how the line itself says goodbye; it is bounded in time and
    does not raise. `connect` is for lines whose signaling goes on meanwhile; it connects the connection, and raises
    `ConnectError`. An RTCP BYE ends nothing: some apps send one when they mute.
    """

    peer_muted: bool | None = None
    """See `Leg.peer_muted`; lines whose peers tell set it."""

    def __init__(
        self,
        connection: RtcConnection,
        channel: AudioChannel,
        *,
        farewell: Farewell,
        connect: Callable[[], Awaitable[None]] | None = None,
        keeper: PathKeeper | None = None,
    ) -> None:
        self.on_peer_muted: Callable[[bool], None] = _ignore
        self._connection = connection
        self._connect = connect or connection.connect
        self._channel = channel
        self._farewell = farewell
        self._keeper = keeper
        self._began = time.monotonic()
        self._sound: tuple[Ear, Mouth] | None = None
        self._connected = False
        self._sound_proven = False
        self._path_answered = asyncio.Event()
        self._over: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._running = asyncio.create_task(self._run(), name="rtc leg")
        self._closing: asyncio.Task[None] | None = None

    def open(self, ear: Ear, mouth: Mouth) -> None:
        """Start the sound, as soon as the connection is there."""
        self._sound = (ear, mouth)
        self._start_sound()

    async def connected(self) -> None:
        """Return once sound is proven both ways. Raises `CallFailed`; the caller sets the deadline."""
        proof = asyncio.create_task(self._proven(), name="proof of sound")
        try:
            await asyncio.wait((proof, self._over), return_when=asyncio.FIRST_COMPLETED)
            if not proof.done():
                raise CallFailed(self._over.result())
        finally:
            proof.cancel()
            await asyncio.gather(proof, return_exceptions=True)

    async def ended(self) -> Ending:
        """Return when the peer hung up or the path is lost for good."""
        return await asyncio.shield(self._over)

    def hang_up(self, ending: Ending) -> None:
        """The line learned that the call is over; the first ending counts."""
        if not self._over.done():
            self._over.set_result(ending)

    def set_muted(self, muted: bool) -> None:
        """While muted no sound is sent, not even silence."""
        self._channel.set_muted(muted)

    @property
    def reconnecting(self) -> bool:
        """Whether another path is being looked for; False while only the one there is is waited for."""
        return self._connected and self._keeper is not None and self._keeper.looking

    def quiet_for(self, now: float) -> float:
        """Seconds since the last authenticated packet of the peer: sound, report, or ICE check."""
        last = self._connection.last_heard
        return max(now - (self._began if last is None else last), 0.0)

    def stats(self) -> LegStats:
        """Counters so far."""
        stats = self._channel.stats()
        received, remote = stats.received, stats.remote
        round_trip = remote.round_trip if remote else None
        return LegStats(
            packets_received=received.packets_received,
            packets_sent=stats.sent.packets,
            bytes_sent=stats.sent.octets,
            packets_lost=received.packets_lost,
            packets_late=received.packets_late,
            packets_duplicate=received.packets_duplicate,
            frames_recovered=received.packets_recovered,
            played_ms=received.played_ms,
            concealed_ms=received.concealed_ms,
            accelerated_ms=received.accelerated_ms,
            stretched_ms=received.stretched_ms,
            buffer_ms=received.buffer_ms,
            target_ms=received.target_ms,
            jitter_ms=received.jitter_ms,
            round_trip_ms=None if round_trip is None else round_trip * 1000,
            remote_loss=remote.fraction_lost if remote else None,
            remote_jitter_ms=remote.jitter * 1000 if remote else None,
        )

    def report(self) -> LegReport:
        """How the leg came about."""
        pairs = self._connection.pairs()
        chosen = next((_pair(pair) for pair in pairs if pair.chosen), None)
        return LegReport(
            stages=self._connection.stages(),
            pairs=[_pair(pair) for pair in pairs],
            chosen=chosen,
            proof=self._proof(),
            relay=None if chosen is None else _relay(chosen),
            stage=None if self._sound_proven else self.stage_after(self._connection.stages()),
        )

    def stage_after(self, reached: Container[str]) -> str:
        """What is being set up when these stages have been reached, and sound is not proven."""
        return next((stage for stage in ("ice", "dtls") if stage not in reached), "sound")

    async def close(self, ending: Ending) -> None:
        """Say goodbye and free everything; idempotent, bounded in time, never raises."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(ending), name="rtc leg close")
        await asyncio.shield(self._closing)

    async def _run(self) -> None:
        try:
            await self._connect()
        except ConnectError as error:
            self.hang_up(Ending(EndReason.FAILED, _advice(error)))
            return
        self._connected = True
        self._start_sound()
        self.hang_up(await self._lasting())

    async def _lasting(self) -> Ending:
        """Why it was over in the end, once it was connected."""
        if self._keeper is None:
            return _ENDINGS[await self._connection.lost()]
        self._connection.outlive_path()
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._keeper.run(), name="path keeper")
            cause = await self._connection.lost()
            keeping.cancel()
        return _ENDINGS[cause]

    def _start_sound(self) -> None:
        if self._sound is not None and self._connected:
            self._channel.open(*self._sound, self._sound_failed)
            self._sound = None

    def _sound_failed(self, error: Exception) -> None:
        logger.error("the sound of a call failed", exc_info=error)
        self.hang_up(Ending(EndReason.ERROR, f"internal error in the sound of the call: {error!r}; please report it"))

    async def _proven(self) -> None:
        await self._channel.first_sent.wait()
        while self._proof() is None:
            self._connection.check_path(lambda now: self._path_answered.set())
            try:
                async with asyncio.timeout(PATH_CHECK_EVERY):
                    await self._path_answered.wait()
            except TimeoutError:
                continue
        await self._channel.first_heard.wait()
        self._sound_proven = True

    def _proof(self) -> str | None:
        if self._channel.stats().remote is not None:
            return "rtcp"
        return "consent" if self._path_answered.is_set() else None

    async def _close(self, ending: Ending) -> None:
        self.hang_up(ending)
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._channel.close()
        await asyncio.gather(self._farewell(), self._connection.close())


def _pair(pair: PairReport) -> CandidatePair:
    return CandidatePair(local=pair.local, remote=pair.remote, protocol=pair.protocol, outcome=pair.outcome.value)


def _relay(pair: CandidatePair) -> str | None:
    return next((kind for kind in (pair.local, pair.remote) if kind in ("relay", "reflector")), None)


def _ignore(muted: bool) -> None: ...


def _advice(error: ConnectError) -> str:
    if error.stage == "ice":
        return f"{error}: the networks of the two sides do not let them meet; configure a TURN server"
    return f"{error}; call again, and if it happens again somebody may be in between"

"""One call, from the first ring to its report."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hullo.call import events
from hullo.call.errors import NoSpeech, WrongState
from hullo.call.event_stream import EventStream
from hullo.call.limits import Limits
from hullo.call.patch import Patch
from hullo.call.recorder import CallRecorder
from hullo.call.report import CallReport
from hullo.call.route import Route
from hullo.call.sound import CallSound
from hullo.call.states import CallState, Signal, next_state
from hullo.call.status import CallStatus
from hullo.call.timeline import Timeline, now_ms
from hullo.call.turns import TurnLog
from hullo.call.voice import Voice
from hullo.lines.line import CallFailed, Ending, EndReason, Leg, LegReport, LegStats
from hullo.media.pcm import Ear, Mouth
from hullo.speech.listening.hearing import HearingChange
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from hullo.speech.speaking.queue import Appended

logger = logging.getLogger(__name__)

_WATCH_SECONDS = 0.25
_HEAR_OUT_SECONDS = 2.0
"""That the end of a call waits for the recogniser to tell what the peer said last; most ends wait for nothing."""
_MAX_ERRORS = 100
_PEER_BUFFER = 0.06

EventT = TypeVar("EventT", bound=events.Event)


class _Over(Exception):
    """The call is over; unwinds its tasks."""


class Call:
    """One call with one peer: what happens to it, what it hears, what it says. Made by a `Switchboard`.

    Requests (`accept`, `hangup`, `speak` ...) are made from the event loop's thread, return at once and raise
    `CallError`; what comes of them is told by events.
    """

    def __init__(
        self,
        *,
        call_id: str,
        line: str,
        peer: str,
        direction: str,
        route: Route,
        limits: Limits,
        speech: SpeechService | None,
        publish: Callable[[events.CallEvent], None],
    ) -> None:
        self.call_id = call_id
        self.line = line
        self.peer = peer
        self.direction = direction
        self.state = CallState.DIALING if direction == "outgoing" else CallState.INCOMING
        self._route = route
        self._limits = limits
        self._publish = publish
        self._streams: list[EventStream] = []
        self._seq = 0
        self._timeline = Timeline()
        self._leg: Leg | None = None
        self._last_leg_report = LegReport()
        self._last_stats = LegStats()
        self._ending: Ending | None = None
        self._end_requested = asyncio.Event()
        self._errors: list[str] = []
        self._report: CallReport | None = None
        self._ended = asyncio.Event()
        self._turns = TurnLog()
        self._recorder = CallRecorder(call_id)
        voice = (
            Voice(speech, self._turns, self.emit, self.note_error, self._heard_delay) if speech is not None else None
        )
        self._sound = CallSound(voice, self._recorder, lambda: self._timeline.reach("first_audio"))

    # What others ask of a call.

    def accept(self) -> None:
        """Answer an incoming call; a second time does nothing. Raises `WrongState` for any other call."""
        if self.state is CallState.ENDED:
            raise WrongState(f"call {self.call_id} has ended", "wait for the next call.incoming")
        self._route.accept()

    def reject(self) -> None:
        """Decline an incoming call. Raises `WrongState` once it was answered."""
        if self.state is CallState.ENDED:
            return
        if self.state is not CallState.INCOMING:
            raise WrongState(f"call {self.call_id} is {self.state}, too late to decline", "use call.hangup")
        self.end(Ending(EndReason.DECLINED, "we declined the call"))

    def hangup(self) -> None:
        """End the call, whatever it is doing; a second time does nothing."""
        self.end(Ending(EndReason.HANGUP_BOT, "we hung up"))

    def end(self, ending: Ending) -> None:
        """End the call for a reason of the caller's choice; the first reason stays."""
        if self._ending is None:
            self._ending = ending
        self._end_requested.set()

    def speak(self, text: str, *, interruptible: bool = True) -> str:
        """Say `text` after what is being said; returns its utterance id. Not `interruptible`: only by `interrupt`.

        Raises `WrongState`, `NoSpeech`, `CannotSpeak`.
        """
        return self._saying_voice().speak(text, interruptible=interruptible)

    async def configure(self, change: HearingChange) -> SpeechSettings:
        """Hear the peer in another way: how the end of a turn is found, whether noise is taken out.

        Returns what is set now. Raises `WrongState`, `NoSpeech`, `CannotHear`.
        """
        return await self._speaking_voice().configure(change)

    def hear_by(self, settings: SpeechSettings) -> None:
        """Hear the peer by settings that `SpeechService.hearing` gave. Raises `WrongState`, `NoSpeech`."""
        self._speaking_voice().hear_by(settings)

    def open_stream(self, stream_id: str, *, interruptible: bool = True) -> str:
        """Say a text that is still to come, sentence by sentence; `append` has its pieces. Returns its utterance id.

        Raises `WrongState`, `NoSpeech`, `CannotSpeak`.
        """
        return self._saying_voice().open_stream(stream_id, interruptible=interruptible)

    def append(self, stream_id: str, text: str, *, end: bool = False) -> Appended:
        """More text of a stream, and whether that was all. Text for a stream that was interrupted is not accepted.

        A stream that gets no text for 30 s is ended, and told as `call.error`. Raises as `open_stream` does.
        """
        return self._saying_voice().append(stream_id, text, end=end)

    async def speak_stream(self, pieces: AsyncIterable[str], *, interruptible: bool = True) -> str:
        """Say a text while its pieces come; returns its utterance id as soon as all came or it was interrupted.

        Raises as `open_stream` does, and what `pieces` raises: what came until then is said.
        """
        stream_id = f"stream-{secrets.token_hex(6)}"
        utterance_id = self.open_stream(stream_id, interruptible=interruptible)
        try:
            async for piece in pieces:
                if not self.append(stream_id, piece).accepted:
                    break
        finally:
            if self.state is not CallState.ENDED:
                self.append(stream_id, "", end=True)
        return utterance_id

    async def play(self, path: str, *, interruptible: bool = True) -> str:
        """Play a sound file after what is being said; returns its utterance id.

        Raises `WrongState`, `NoSpeech`, and `CannotSpeak` for a file that can't be read.
        """
        return await self._speaking_voice().play(Path(path), interruptible=interruptible)

    def interrupt(self) -> None:
        """Be silent at once and forget what was still to be said; `call.interrupted` tells what was cut short."""
        self._speaking_voice().interrupt()

    async def prepare(self, text: str) -> None:
        """Have `text` ready to be said at once, for which the ringing is a good time. Raises as `speak` does."""
        await self._speaking_voice().prepare(text)

    def set_interruptible(self, enabled: bool) -> None:
        """Whether the peer interrupts by speaking. Raises `WrongState`, `NoSpeech`, `CannotSpeak`."""
        self._speaking_voice().set_interruptible(enabled)

    def set_muted(self, muted: bool) -> None:
        """While muted nothing is sent. Speech that is under way goes on unheard."""
        self._sound.muted = muted
        if self._leg is not None:
            self._leg.set_muted(muted)

    def add_ear(self, ear: Ear) -> None:
        """Let `ear` hear the peer too: one frame each 20 ms once the call is answered."""
        self._sound.ears.append(ear)

    def set_mouth(self, mouth: Mouth | None) -> None:
        """Send what `mouth` gives whenever nothing is being spoken."""
        self._sound.mouth = mouth

    @property
    def bridged_to(self) -> str | None:
        """What the call is joined to in place of an agent, which keeps quiet then: a call's id, `page`; else None."""
        return self._sound.joined_to

    def connect(self, patch: Patch) -> None:
        """Join the peer's sound to `patch`, in place of what it was joined to. Raises `WrongState`.

        What is being spoken is interrupted, and the peer is not recognised any more unless `set_listening` says so:
        this is between two people now.
        """
        self.check_live()
        self._sound.join(patch)
        self.emit(events.Bridged, to=patch.to)

    def disconnect(self, patch: Patch) -> None:
        """Part the call from `patch`, and have it as it was before; nothing if it is joined to something else."""
        if self._sound.part(patch):
            self.emit(events.Bridged, to=None)

    def set_listening(self, enabled: bool) -> None:
        """Whether what the peer says is recognised, and told as `call.speech`. Raises `WrongState`, `NoSpeech`."""
        if not self._speaking_voice().hears and enabled:
            raise NoSpeech(self.call_id)
        self._sound.listening = enabled

    @property
    def over(self) -> bool:
        """Whether the call has ended, or does so now: what the peer said last may still be told."""
        return self._ending is not None or self.state is CallState.ENDED

    def check_live(self) -> None:
        """Raises `WrongState` if the call has ended."""
        if self.state is CallState.ENDED:
            raise WrongState(f"call {self.call_id} has ended", "start another call")

    def start_recording(self, path: str, transcript: str | None = None) -> None:
        """Record both sides into a stereo file, theirs right, ours left, until the call ends: `.wav` or `.opus`.

        `transcript` is a WebVTT file of what is said, with times. Raises `WrongState` if the call is being recorded
        already, `ValueError` for a file of another kind or one for both, `OSError` if one can't be made.
        """
        if self.over:
            raise WrongState(f"call {self.call_id} has ended", "record the next one")
        self._recorder.start(Path(path), None if transcript is None else Path(transcript))

    async def stop_recording(self) -> str:
        """Finish the recording and return its path. Raises `WrongState`, and `OSError` if the disk took not all."""
        return await self._recorder.stop()

    def events(self, limit: int = 1000) -> EventStream:
        """The events of this call from now on; it ends with `call.ended`."""
        stream = EventStream(limit, on_close=self._streams.remove)
        self._streams.append(stream)
        if self.state is CallState.ENDED:
            stream.close()
        return stream

    async def wait_ended(self) -> CallReport:
        """Wait for the end and return the report."""
        await self._ended.wait()
        assert self._report is not None
        return self._report

    @property
    def report(self) -> CallReport | None:
        """The report; None until the end."""
        return self._report

    def status(self) -> CallStatus:
        """The call as it stands."""
        ending = self._ending if self.state is CallState.ENDED else None
        leg = self._leg.report() if self._leg is not None else self._last_leg_report
        return CallStatus(
            call_id=self.call_id,
            status=self.state.value,
            line=self.line,
            peer=self.peer,
            direction=self.direction,
            began=self._timeline.began_ms,
            duration=self._timeline.duration(),
            muted=self._sound.muted,
            peer_muted=self._leg.peer_muted if self._leg is not None else None,
            verified=leg.verified,
            bridged_to=self.bridged_to,
            recording=self._recorder.path,
            stats=self._leg.stats() if self._leg is not None else self._last_stats,
            leg=leg,
            reason=ending.reason.value if ending is not None else None,
            detail=ending.detail if ending is not None else None,
        )

    # What the switchboard and the voice tell a call.

    def emit(self, event_type: type[EventT], **fields: Any) -> EventT:
        """Make the next event of this call and tell everybody."""
        self._seq += 1
        event = event_type(call_id=self.call_id, seq=self._seq, timestamp=now_ms(), **fields)
        self._recorder.take(event)
        for stream in [*self._streams]:
            stream.put(event)  # type: ignore[arg-type]
        self._publish(event)  # type: ignore[arg-type]
        return event

    def note_error(
        self, component: str, error: str, retryable: bool, *, utterance_id: str | None = None, heard_text: str = ""
    ) -> None:
        """Something failed and the call goes on: into the report and to the gateway. Nothing once it has ended.

        `utterance_id` is what could not be said for it, `heard_text` what of that was heard.
        """
        if self.state is CallState.ENDED:
            return
        # Servers quote what they were sent in their refusals, words and keys: that is for the gateway, not for a log.
        logger.warning("call %s goes on; its report says what became of its %s", self.call_id, component)
        del self._errors[_MAX_ERRORS - 1 :]
        self._errors.append(f"{component}: {error}")
        self.emit(
            events.Error,
            component=component,
            error=error,
            retryable=retryable,
            utterance_id=utterance_id,
            heard_text=heard_text,
        )

    async def run(self) -> None:
        """Live: from the first ring to `call.ended`. Returns when everything is freed."""
        if self.direction == "incoming":
            self.emit(events.Incoming, line=self.line, peer=self.peer)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_end_requested())
                tasks.create_task(self._live())
        except* _Over:
            pass
        except* Exception as errors:  # the edge of one call: a mistake in here must not end the others
            logger.exception("call %s failed", self.call_id)
            self.end(Ending(EndReason.ERROR, f"internal error: {errors.exceptions[0]!r}; please report it"))
        finally:
            await self._finish()

    # The life of a call.

    async def _until_end_requested(self) -> None:
        await self._end_requested.wait()
        self._timeline.reach("ended")
        if self._leg is not None and self._ending is not None and self.state is not CallState.CONNECTING:
            await asyncio.gather(self._leg.close(self._ending), self._hear_out())
        raise _Over

    async def _hear_out(self) -> None:
        """What the peer said last is still told before `call.ended`."""
        self._sound.listening = False
        if self._sound.voice is not None:
            await self._sound.voice.hear_out(_HEAR_OUT_SECONDS)

    async def _live(self) -> None:
        leg = await self._answered_leg()
        self._leg = leg
        self._advance(Signal.ANSWERED, "answered")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_leg_ends(leg))
                if self._sound.voice is not None:
                    tasks.create_task(self._sound.voice.run())
                leg.set_muted(self._sound.muted)
                leg.on_peer_muted = self._peer_muted_itself
                if leg.peer_muted:  # it told before we could listen
                    self._peer_muted_itself(True)
                leg.open(self._sound.hear, self._sound.say)
                await self._until_connected(leg)
                await self._watch(leg)
        finally:
            await leg.close(self._ending or Ending(EndReason.HANGUP_BOT, "this process is stopping"))

    async def _answered_leg(self) -> Leg:
        try:
            return await self._route.leg(self._rang)
        except CallFailed as failure:
            self._last_leg_report = failure.report
            self.end(failure.ending)
            await self._route.refuse(failure.ending)
            raise _Over from failure
        except asyncio.CancelledError:
            await self._route.refuse(self._ending or Ending(EndReason.HANGUP_BOT, "this process is stopping"))
            raise

    def _rang(self) -> None:
        if self.state is CallState.DIALING:
            self._advance(Signal.RANG, "ringing")
            self.emit(events.Ringing, line=self.line, peer=self.peer)

    def _peer_muted_itself(self, muted: bool) -> None:
        self.emit(events.PeerMuted, muted=muted)

    async def _until_leg_ends(self, leg: Leg) -> None:
        self.end(await leg.ended())

    async def _until_connected(self, leg: Leg) -> None:
        try:
            async with asyncio.timeout(self._limits.connect):
                await leg.connected()
        except CallFailed as failure:
            self.end(failure.ending)
            raise _Over from failure
        except TimeoutError:
            self.end(Ending(EndReason.FAILED, f"no audio in both directions within {self._limits.connect:g} s"))
            raise _Over from None
        self._advance(Signal.PROVEN, "connected")
        report = leg.report()
        self.emit(
            events.Connected,
            line=self.line,
            peer=self.peer,
            direction=self.direction,
            setup_ms=self._timeline.setup_ms(answered_here=self.direction == "incoming"),
            emoji=report.emoji,
            version=report.version,
            verified=report.verified,
        )

    async def _watch(self, leg: Leg) -> None:
        """Notice when the peer falls quiet or comes back, tell of the quality, and keep the deadlines."""
        next_quality = time.monotonic() + self._limits.quality_every
        quiet_most = 0.0
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self.over:
                return
            now = time.monotonic()
            quiet = leg.quiet_for(now)
            if quiet > self._limits.lost:
                self.end(Ending(EndReason.FAILED, f"nothing came from the peer for {self._limits.lost:g} s"))
            elif self.state is CallState.ACTIVE and (quiet > self._limits.quiet or leg.reconnecting):
                self._advance(Signal.QUIET)
                self.emit(events.Reconnecting, quiet_ms=round(quiet * 1000))
            elif self.state is CallState.RECONNECTING and quiet < self._limits.quiet and not leg.reconnecting:
                self._advance(Signal.HEARD)
                self.emit(events.Reconnected, gap_ms=round(quiet_most * 1000))
                quiet_most = 0.0
            if self.state is CallState.RECONNECTING:
                quiet_most = max(quiet_most, quiet)
            if self._limits.longest is not None and self._timeline.duration() > self._limits.longest:
                self.end(Ending(EndReason.TIMEOUT, f"calls are ended after {self._limits.longest:g} s"))
            if now >= next_quality:
                next_quality += self._limits.quality_every
                self.emit(events.Quality, stats=leg.stats())

    async def _finish(self) -> None:
        ending = self._ending or Ending(EndReason.HANGUP_BOT, "this process is stopping")
        self._ending = ending
        if self._sound.voice is not None:
            self._sound.voice.end()
        try:
            await self._recorder.end()
        except OSError as error:
            self.note_error("recording", f"the recording is not complete: {error}", retryable=False)
        duration = self._timeline.duration()
        came_to = self.state
        self._advance(Signal.END, "ended")
        self._let_go()
        told = "answered" in self._timeline.stages or self._last_leg_report.stage is not None
        if not told:  # the line had no time to
            self._last_leg_report = msgspec.structs.replace(self._last_leg_report, stage=came_to.value)
        self._report = CallReport(
            call_id=self.call_id,
            line=self.line,
            peer=self.peer,
            direction=self.direction,
            began=self._timeline.began_ms,
            duration=duration,
            ending=ending,
            stages=dict(self._timeline.stages),
            leg=self._last_leg_report,
            stats=self._last_stats,
            turns=self._turns.turns(),
            turn_times=self._turns.histograms(),
            recordings=list(self._recorder.reports),
            errors=list(self._errors),
            answer_to_first_audio_ms=self._timeline.answer_to_first_audio_ms(),
        )
        self.emit(
            events.Ended, reason=ending.reason.value, detail=ending.detail, duration=duration, report=self._report
        )
        for stream in [*self._streams]:
            stream.close()
        self._ended.set()
        logger.info("call %s ended: %s after %.1f s", self.call_id, ending.reason, duration)

    # Small helpers.

    def _advance(self, signal: Signal, stage: str | None = None) -> None:
        self.state = next_state(self.state, signal)
        if stage is not None:
            self._timeline.reach(stage)

    def _let_go(self) -> None:
        """Keep what is known of the sound and not its decoders and queues: calls are remembered for long."""
        if self._leg is not None:
            self._last_leg_report, self._last_stats = self._leg.report(), self._leg.stats()
        self._leg = None
        self._sound.free()

    def _heard_delay(self) -> float:
        """Roughly how long our sound takes to the peer's ear, in seconds: half the round trip and the peer's buffer."""
        round_trip = self._leg.stats().round_trip_ms if self._leg is not None else None
        return (round_trip or 0.0) / 2000 + _PEER_BUFFER

    def _saying_voice(self) -> Voice:
        voice = self._speaking_voice()
        if not voice.speaks:  # it only plays files
            raise NoSpeech(self.call_id)
        return voice

    def _speaking_voice(self) -> Voice:
        self.check_live()
        if self._sound.voice is None:
            raise NoSpeech(self.call_id)
        return self._sound.voice

"""The hearing and speaking of one call, told as events of that call."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from hullo.call import events
from hullo.call.errors import CannotHear, CannotSpeak
from hullo.call.filler import Filler
from hullo.call.report import TurnTimes
from hullo.call.turns import TurnLog
from hullo.media.pcm import Ear, Mouth, Pcm
from hullo.speech import events as speech_events
from hullo.speech.errors import SpeechError
from hullo.speech.interruption.words import floor_words
from hullo.speech.listening.hearing import HearingChange
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from hullo.speech.speaking.queue import Appended


class NoteError(Protocol):
    """Tells of a failure that the call survives."""

    def __call__(
        self, component: str, error: str, retryable: bool, *, utterance_id: str | None = None, heard_text: str = ""
    ) -> None: ...


class Emit(Protocol):
    """Makes an event of the call."""

    def __call__(self, event_type: type[Any], **fields: Any) -> Any: ...


class Voice:
    """A listener and a speech queue, wired to one call."""

    def __init__(
        self,
        speech: SpeechService,
        turns: TurnLog,
        emit: Emit,
        note_error: NoteError,
        heard_delay: Callable[[], float],
    ) -> None:
        """`heard_delay` gives how long our sound takes to the peer's ear, in seconds."""
        self._speech = speech
        self._hearing = speech.settings
        self._turns = turns
        self._emit = emit
        self._note_error = note_error
        self.speaks = speech.settings.voice is not None
        self.hears = speech.settings.recogniser is not None
        self._listener = speech.listener(self._on_event) if speech.settings.recogniser is not None else None
        self._queue = speech.queue(self._on_event)
        self._heard_delay = heard_delay
        self._over = False
        self._filler = Filler(speech.settings.filler, speech.settings.filler_after, self._fill)
        self._floor_words = speech.settings.interruptions().words or floor_words(None)
        self._barge_in = speech.barge_in(self._queue, heard_delay)
        self._listen: Ear = self._listener.hear if self._listener is not None else _deaf
        self.next_frame: Mouth = self._queue.next_frame

    @property
    def interruptible(self) -> bool:
        """Whether the peer interrupts by speaking."""
        return self._barge_in is not None and self._barge_in.enabled

    def set_interruptible(self, enabled: bool) -> None:
        """Whether the peer interrupts by speaking. Raises `CannotSpeak` where nothing can listen for that."""
        if self._barge_in is not None:
            self._barge_in.enabled = enabled
        elif enabled:
            raise CannotSpeak(SpeechError("nothing listens for interruptions: set [speech] interruptible = true"))

    def hear(self, pcm: Pcm, now: float) -> None:
        """An `Ear`: what the peer says, which may interrupt."""
        self._listen(self._barge_in.hear(pcm, now) if self._barge_in is not None else pcm, now)

    def said(self, pcm: Pcm | None) -> None:
        """What was sent in the same tick, by whomever: its echo is not the peer."""
        if self._barge_in is not None:
            self._barge_in.said(pcm)

    async def run(self) -> None:
        """Recognise and synthesise until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._listener is not None:
                tasks.create_task(self._listener.run())
            tasks.create_task(self._queue.run())
            tasks.create_task(self._filler.run())

    async def hear_out(self, seconds: float) -> None:
        """The peer is heard no more: have what it said last recognised and told, as far as that takes no longer."""
        self._over = True
        if self._listener is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._listener.finish()

    async def prepare(self, text: str) -> None:
        """Have `text` ready to be said at once. Raises `CannotSpeak`."""
        try:
            await self._speech.prepare(text)
        except SpeechError as error:
            raise CannotSpeak(error) from error

    async def configure(self, change: HearingChange) -> SpeechSettings:
        """Hear this call in another way, from the next pause on. Raises `CannotHear`."""
        try:
            settings = await self._speech.hearing(change, self._hearing)
            self.hear_by(settings)
        except SpeechError as error:
            raise CannotHear(error) from error
        return settings

    def hear_by(self, settings: SpeechSettings) -> None:
        """The same with settings that `SpeechService.hearing` gave."""
        assert self._listener is not None
        if (settings.endpointing, settings.end_pause) != (self._hearing.endpointing, self._hearing.end_pause):
            self._listener.decide_by(settings.strategy())
        self._listener.suppress_noise(settings.noise_suppression)
        self._hearing = settings

    def speak(self, text: str, *, interruptible: bool) -> str:
        """Say `text` after what is being said; the utterance's id. Raises `CannotSpeak`."""
        try:
            utterance = self._queue.say(text, interruptible=interruptible)
        except SpeechError as error:
            raise CannotSpeak(error) from error
        self._answered(utterance.utterance_id, text)
        return utterance.utterance_id

    def open_stream(self, stream_id: str, *, interruptible: bool) -> str:
        """Say a text that comes piece by piece; the utterance's id. Raises `CannotSpeak`."""
        try:
            utterance = self._queue.open(stream_id, interruptible=interruptible)
        except SpeechError as error:
            raise CannotSpeak(error) from error
        self._answered(utterance.utterance_id, "")
        return utterance.utterance_id

    def append(self, stream_id: str, text: str, *, end: bool) -> Appended:
        """More text of a stream, and what became of it. Raises `CannotSpeak`."""
        try:
            appended = self._queue.append(stream_id, text, end=end)
        except SpeechError as error:
            raise CannotSpeak(error) from error
        if text and appended.accepted:
            self._turns.worded(appended.utterance_id, time.monotonic())
        return appended

    async def play(self, path: Path, *, interruptible: bool) -> str:
        """Play a file after what is being said; the utterance's id. Raises `CannotSpeak` for a bad file."""
        try:
            utterance = await self._queue.play(path, interruptible=interruptible)
        except SpeechError as error:
            raise CannotSpeak(error) from error
        self._answered(utterance.utterance_id, path.name)
        return utterance.utterance_id

    def interrupt(self) -> None:
        """Be silent at once; `call.interrupted` tells what was cut short."""
        self._queue.interrupt(self._heard_delay())

    def end(self) -> None:
        """The call is over: `call.interrupted` tells what was cut short by that."""
        self._queue.interrupt(self._heard_delay(), speech_events.Cause.ENDED)

    def _answered(self, utterance_id: str, text: str) -> None:
        self._filler.answered()
        self._turns.answered(utterance_id, text, time.monotonic())

    def _fill(self, text: str) -> None:
        if self._queue.idle and self._speech.voice is not None and not self._over:
            self._queue.say(text)

    def _on_event(self, event: speech_events.SpeechEvent) -> None:
        match event:
            case speech_events.SpeechStarted(at=at):
                self._filler.answered()
                self._emit(events.SpeechStarted, started_at=at)
            case speech_events.SpeechEnded(at=at):
                self._emit(events.SpeechEnded, ended_at=at)
            case speech_events.Transcript():
                self._understood(event)
            case speech_events.Partial(text=text, started_at=started_at):
                self._reconsider(text)
                self._emit(events.Partial, text=text, transcript=text, started_at=started_at)
            case speech_events.NothingRecognised() if not self._over:  # else nobody could be asked again
                self._emit(
                    events.Unclear,
                    started_at=event.started_at,
                    ended_at=event.ended_at,
                    times=self._times("", event),
                )
            case speech_events.RecognitionFailed(detail=detail):
                self._note_error("recogniser", detail, True)
            case speech_events.Speaking(utterance_id=utterance_id, text=text, first_audio_ms=ms):
                self._turns.sounded(utterance_id, round(ms), time.monotonic(), self._heard_delay())
                self._emit(events.Speaking, utterance_id=utterance_id, text=text, first_audio_ms=round(ms))
            case speech_events.Spoken(utterance_id=utterance_id, text=text, heard_ms=ms):
                self._turns.said(utterance_id, text)
                self._emit(events.Spoken, utterance_id=utterance_id, text=text, heard_text=text, heard_ms=round(ms))
            case speech_events.Paused(utterance_id=utterance_id, heard_ms=ms):
                self._emit(events.Paused, utterance_id=utterance_id, heard_ms=round(ms))
            case speech_events.Resumed():
                self._resumed(event)
            case speech_events.Interrupted():
                self._interrupted(event)
            case speech_events.SpeakFailed(utterance_id=utterance_id, heard_text=heard, detail=detail):
                self._note_error("voice", detail, True, utterance_id=utterance_id, heard_text=heard)
            case speech_events.HostDown(role=role, detail=detail):
                self._note_error(role, detail, True)
            case speech_events.HostUp(role=role):
                self._note_error(role, "running again", True)

    def _resumed(self, event: speech_events.Resumed) -> None:
        self._emit(
            events.Resumed,
            utterance_id=event.utterance_id,
            paused_ms=round(event.paused_ms),
            heard_text=event.heard_text,
            word_timing=event.word_timing,
        )

    def _interrupted(self, event: speech_events.Interrupted) -> None:
        self._turns.said(event.utterance_id, event.text)
        self._emit(
            events.Interrupted,
            utterance_id=event.utterance_id,
            text=event.text,
            heard_text=event.heard_text,
            heard_ms=round(event.heard_ms),
            word_timing=event.word_timing,
            cause=event.cause,
        )

    def _reconsider(self, text: str) -> None:
        if self._barge_in is not None:
            self._barge_in.understood(text, time.monotonic())

    def _understood(self, heard: speech_events.Transcript) -> None:
        self._reconsider(heard.text)
        if self._queue.idle or self._floor_words.wanted(heard.text):  # nobody answers an "mm-hm" while we speak
            self._filler.understood()
        self._emit(
            events.Speech,
            text=heard.text,
            transcript=heard.text,
            confidence=heard.confidence,
            language=heard.language,
            is_final=True,
            started_at=heard.started_at,
            ended_at=heard.ended_at,
            times=self._times(heard.text, heard),
            call_over=self._over,
        )

    def _times(self, text: str, heard: speech_events.Transcript | speech_events.NothingRecognised) -> TurnTimes:
        return self._turns.heard(
            text,
            heard.started_at,
            heard.ended_at,
            round(heard.end_of_speech_ms),
            round(heard.recognition_ms),
            time.monotonic(),
        )


def _deaf(pcm: Pcm, now: float) -> None:
    """The ear of a call that recognises nothing."""

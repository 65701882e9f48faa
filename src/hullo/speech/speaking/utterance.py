"""One thing that is said or played, from the request to the last frame."""

import secrets
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hullo.speech.errors import SpeechError
from hullo.speech.events import Cause, Interrupted, QueueEvent, SpeakFailed, Speaking, Spoken
from hullo.speech.ports import Voice
from hullo.speech.speaking.audiofile import stream_file
from hullo.speech.speaking.playback import Playback
from hullo.speech.speaking.textstream import IDLE_SECONDS, StreamState, TextStream
from hullo.speech.speaking.word_finder import WordFinder

Room = Callable[[], Awaitable[None]]
"""Returns when more sound may be made."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that is said or played: its id in events, and its text as far as it is known (a file's name)."""

    utterance_id: str
    text: str


class Source(Protocol):
    """Where the sound of an utterance comes from."""

    @property
    def text(self) -> str:
        """What is said, as far as it is known; a file's name."""

    @property
    def ready_at(self) -> float | None:
        """When there was first something to make sound of, if that was later than the request."""

    async def fill(self, playback: Playback, room: Room) -> None:
        """Put all sound into `playback`. Raises `SpeechError`."""


class SpokenText:
    """A text, sentence by sentence, by the voice."""

    def __init__(self, stream: TextStream, voice: Voice, finder: WordFinder) -> None:
        self.stream = stream
        self._voice = voice
        self._finder = finder

    @property
    def text(self) -> str:
        """All that came so far."""
        return self.stream.text

    @property
    def ready_at(self) -> float | None:
        """When the first sentence was complete."""
        return self.stream.first_sentence_at

    async def fill(self, playback: Playback, room: Room) -> None:
        """Say the sentences as they come. Raises `SpeechError`, also when nobody ends the stream."""
        try:
            await self._fill(playback, room)
        except SpeechError:
            self.stream.close(StreamState.FAILED)
            raise

    async def _fill(self, playback: Playback, room: Room) -> None:
        async for sentence in self.stream.sentences():
            self._finder.begin(sentence, playback, playback.begin_sentence(sentence))
            before = playback.received
            try:
                await self._say(sentence, playback, before, room)
            except SpeechError as error:
                if not error.transient:
                    raise
                # By a host that was started again, most likely; what is there already is not said twice.
                await self._say(sentence, playback, before, room)
            playback.end_sentence()
            self._finder.end()
        if self.stream.state is StreamState.TIMED_OUT:
            raise SpeechError(f"no more text came for {IDLE_SECONDS:g} s: tell the end of a stream with end")

    async def _say(self, sentence: str, playback: Playback, before: int, room: Room) -> None:
        known = playback.received - before
        async with aclosing(self._voice.synthesise(sentence, playback.mark_words)) as pieces:
            async for piece in pieces:
                skipped = min(known, len(piece))
                known -= skipped
                playback.add(piece[skipped:])
                self._finder.hear(piece[skipped:])
                await room()


class PlayedFile:
    """A sound file."""

    ready_at: float | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self.text = path.name

    async def fill(self, playback: Playback, room: Room) -> None:
        """Decode the file. Raises `SpeechError`."""
        async with aclosing(stream_file(self._path)) as pieces:
            async for piece in pieces:
                playback.add(piece)
                await room()


class Item:
    """An utterance in the queue."""

    def __init__(self, source: Source, asked_at: float, *, interruptible: bool) -> None:
        self.utterance_id = f"utt-{secrets.token_hex(6)}"
        self.source = source
        self.interruptible = interruptible
        self.playback = Playback()
        self.has_begun = False
        """Whether its beginning was told, which going back to its first word does not change."""
        self._asked_at = asked_at

    @property
    def utterance(self) -> Utterance:
        """What it is called, as it stands."""
        return Utterance(self.utterance_id, self.source.text)

    async def feed(self, room: Room) -> None:
        """Make all of its sound; a failure ends it."""
        try:
            await self.source.fill(self.playback, room)
        except SpeechError as error:
            self.playback.finish(str(error))
        else:
            self.playback.finish()

    def begun(self, now: float) -> Speaking:
        """Its first frame goes out."""
        self.has_begun = True
        since = max(self._asked_at, self.source.ready_at or 0.0)
        return Speaking(
            utterance_id=self.utterance_id, text=self.source.text, first_audio_ms=round((now - since) * 1000, 1)
        )

    def ended(self) -> QueueEvent:
        """Its last frame has gone out."""
        playback = self.playback
        if playback.failure is not None:
            return SpeakFailed(
                utterance_id=self.utterance_id,
                text=self.source.text,
                heard_ms=playback.sent_ms,
                heard_text=playback.heard_text(playback.sent_ms),
                detail=playback.failure,
            )
        return Spoken(
            utterance_id=self.utterance_id,
            text=self.source.text,
            heard_ms=playback.sent_ms,
            gap_ms=playback.gap_frames * 20.0,
        )

    def interrupted(self, now: float, heard_delay: float, cause: Cause) -> Interrupted:
        """It is cut off `now`, when sound takes `heard_delay` seconds to the peer's ear."""
        heard_ms = self.playback.heard_ms(now, heard_delay)
        return Interrupted(
            utterance_id=self.utterance_id,
            text=self.source.text,
            sent_ms=self.playback.sent_ms,
            heard_ms=heard_ms,
            heard_text=self.playback.heard_text(heard_ms),
            word_timing=self.playback.word_timing,
            cause=cause,
        )

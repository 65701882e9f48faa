"""The mouth of one call: what is being said, what comes next, and stopping at once."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from hullo.media.pcm import Pcm
from hullo.speech.audiofile import check_playable, stream_file
from hullo.speech.errors import SpeechError
from hullo.speech.events import Interrupted, QueueEvent, SpeakFailed, Speaking, Spoken
from hullo.speech.playback import Playback
from hullo.speech.ports import Voice

_MAX_WAITING = 64
_AHEAD_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that is said or played: its id in events, and its text (the file's name for a file)."""

    utterance_id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """What an interruption stopped.

    `utterance_id` is None when nothing was being said. `sent_ms` of it had been sent and `heard_ms` of that had
    reached the peer's ear; `heard_text` is the text up to there. `dropped` are the ids that waited behind it.
    """

    utterance_id: str | None = None
    text: str = ""
    sent_ms: float = 0.0
    heard_ms: float = 0.0
    heard_text: str = ""
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    utterance: Utterance
    source: Callable[[], AsyncGenerator[Pcm, None]]
    playback: Playback
    asked_at: float


class SpeechQueue:
    """Says one utterance after the other; each ends in exactly one `Spoken`, `Interrupted` or `SpeakFailed`.

    `on_event` is called in the event loop, also from `next_frame`, and returns at once. At most 64 utterances wait.
    The sound is made up to 3 s ahead. Everything belongs to one event loop.
    """

    def __init__(
        self,
        voice: Voice | None,
        on_event: Callable[[QueueEvent], None],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._voice = voice
        self._on_event = on_event
        self._clock = clock
        self._items: deque[_Item] = deque()
        self._unfed: deque[_Item] = deque()
        self._added = asyncio.Event()
        self._room = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None
        self._fade: Pcm | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is being said or waits to be said."""
        return not self._items

    @property
    def ahead(self) -> float:
        """Seconds of sound that are made and not yet sent."""
        return sum(item.playback.ahead for item in self._items)

    def say(self, text: str) -> Utterance:
        """Say `text` after everything else. Raises `SpeechError` for no text, no voice, or a full queue."""
        if self._voice is None:
            raise SpeechError("This service was started without a voice: set one to speak")
        if not text.strip():
            raise SpeechError("There is nothing to say: the text is empty")
        voice = self._voice
        return self._append(text, lambda: voice.synthesise(text), spoken=True)

    async def play(self, path: Path | str) -> Utterance:
        """Play a file after everything else. Raises `SpeechError` for one that cannot be played, or a full queue."""
        file = Path(path)
        await check_playable(file)
        return self._append(file.name, lambda: stream_file(file), spoken=False)

    def next_frame(self, now: float) -> Pcm | None:
        """A `Mouth`: the frame to send now, or None when there is nothing to say."""
        if (fade := self._fade) is not None:
            self._fade = None
            return fade
        while self._items:
            item = self._items[0]
            frame = item.playback.take(now)
            if frame is not None and item.playback.sent_frames == 1:
                self._tell_begun(item, now)
            if item.playback.over:
                self._tell_end(item)
            elif frame is None:
                return None
            self._room.set()
            if frame is not None:
                return frame
        return None

    def interrupt(self, heard_delay: float = 0.0) -> Interruption:
        """Stop at once and forget what waits: the next frame holds a fade-out of 5 ms, those after it are None.

        `heard_delay` is how long sound takes to the peer's ear, seconds. Does nothing when nothing is being said.
        """
        items = list(self._items)
        self._items.clear()
        self._unfed.clear()
        if self._feeding is not None:
            self._feeding.cancel()
        if not items:
            return Interruption()
        self._fade = items[0].playback.fade_out()
        now = self._clock()
        reports = [_interrupted(item, now, heard_delay) for item in items]
        for report in reports:
            self._on_event(report)
        first = reports[0]
        return Interruption(
            utterance_id=first.utterance_id,
            text=first.text,
            sent_ms=first.sent_ms,
            heard_ms=first.heard_ms,
            heard_text=first.heard_text,
            dropped=tuple(report.utterance_id for report in reports[1:]),
        )

    async def run(self) -> None:
        """Have the utterances synthesised or decoded, one after the other, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                while not self._unfed:
                    self._added.clear()
                    await self._added.wait()
                self._feeding = tasks.create_task(self._feed(self._unfed.popleft()))
                await asyncio.wait([self._feeding])
                self._feeding = None

    def _append(self, text: str, source: Callable[[], AsyncGenerator[Pcm, None]], *, spoken: bool) -> Utterance:
        if len(self._items) >= _MAX_WAITING:
            raise SpeechError(f"{_MAX_WAITING} utterances wait already: wait for 'spoken', or interrupt")
        utterance = Utterance(f"utt-{secrets.token_hex(6)}", text)
        item = _Item(utterance, source, Playback(text if spoken else ""), self._clock())
        self._items.append(item)
        self._unfed.append(item)
        self._added.set()
        return utterance

    async def _feed(self, item: _Item) -> None:
        try:
            await self._fill_with_a_second_chance(item)
        except SpeechError as error:
            item.playback.finish(str(error))
        else:
            item.playback.finish()

    async def _fill_with_a_second_chance(self, item: _Item) -> None:
        try:
            return await self._fill(item)
        except SpeechError as error:
            if not error.transient:
                raise
        return await self._fill(item)

    async def _fill(self, item: _Item) -> None:
        # A second attempt goes on where the first one broke off: what is there already is not said twice.
        known = item.playback.received
        async with aclosing(item.source()) as pieces:
            async for piece in pieces:
                skipped = min(known, len(piece))
                known -= skipped
                item.playback.add(piece[skipped:])
                while self.ahead > _AHEAD_SECONDS:
                    self._room.clear()
                    await self._room.wait()

    def _tell_begun(self, item: _Item, now: float) -> None:
        first_audio_ms = round((now - item.asked_at) * 1000, 1)
        self._on_event(
            Speaking(utterance_id=item.utterance.utterance_id, text=item.utterance.text, first_audio_ms=first_audio_ms)
        )

    def _tell_end(self, item: _Item) -> None:
        if not self._items or self._items[0] is not item:
            return  # whoever was told of the beginning interrupted it
        self._items.popleft()
        utterance, playback = item.utterance, item.playback
        if playback.failure is None:
            self._on_event(
                Spoken(
                    utterance_id=utterance.utterance_id,
                    text=utterance.text,
                    heard_ms=playback.sent_ms,
                    gap_ms=playback.gap_frames * 20.0,
                )
            )
        else:
            self._on_event(
                SpeakFailed(
                    utterance_id=utterance.utterance_id,
                    text=utterance.text,
                    heard_ms=playback.sent_ms,
                    detail=playback.failure,
                )
            )


def _interrupted(item: _Item, now: float, heard_delay: float) -> Interrupted:
    heard_ms = item.playback.heard_ms(now, heard_delay)
    return Interrupted(
        utterance_id=item.utterance.utterance_id,
        text=item.utterance.text,
        sent_ms=item.playback.sent_ms,
        heard_ms=heard_ms,
        heard_text=item.playback.heard_text(heard_ms),
    )

"""The mouth of one call: what is being said, what comes next, pausing, and stopping at once."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hullo.media.pcm import Pcm
from hullo.speech.errors import SpeechError
from hullo.speech.events import Cause, Paused, QueueEvent, Resumed
from hullo.speech.ports import Aligner, Voice
from hullo.speech.speaking.audiofile import check_playable
from hullo.speech.speaking.loudness import Loudness
from hullo.speech.speaking.textstream import StreamState, TextStream
from hullo.speech.speaking.utterance import Item, PlayedFile, Source, SpokenText, Utterance
from hullo.speech.speaking.word_finder import WordFinder

_MAX_WAITING = 64
_AHEAD_SECONDS = 3.0
_REMEMBERED_STREAMS = 256


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of text for a stream: taken while the stream was open, else dropped, and `state` says why."""

    utterance_id: str
    accepted: bool
    state: StreamState


class SpeechQueue:
    """Says one utterance after the other; each ends in exactly one `Spoken`, `Interrupted` or `SpeakFailed`.

    `on_event` is called in the event loop, also from `next_frame`, and returns at once. At most 64 utterances wait.
    The sound is made up to 3 s ahead; `aligner` finds its words where the voice does not tell them. Everything belongs
    to one event loop.
    """

    def __init__(
        self,
        voice: Voice | None,
        on_event: Callable[[QueueEvent], None],
        *,
        clock: Callable[[], float],
        aligner: Aligner | None = None,
    ) -> None:
        self._voice = voice
        self._finder = WordFinder(aligner)
        self._on_event = on_event
        self._clock = clock
        self._items: deque[Item] = deque()
        self._unfed: deque[Item] = deque()
        self._streams: OrderedDict[str, tuple[str, TextStream]] = OrderedDict()
        self._added = asyncio.Event()
        self._room = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None
        self._loudness = Loudness()
        self._fade: Pcm | None = None
        self._paused_at: float | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is being said or waits to be said."""
        return not self._items

    @property
    def ahead(self) -> float:
        """Seconds of sound that are made and not yet sent."""
        return sum(item.playback.ahead for item in self._items)

    @property
    def sounding(self) -> bool:
        """Whether an utterance has begun, or begins with the next frame, and is not paused."""
        return self._paused_at is None and bool(
            self._items and (self._items[0].playback.sent_frames or self._items[0].playback.ahead)
        )

    @property
    def paused(self) -> bool:
        """Whether `resume` or `interrupt` is waited for."""
        return self._paused_at is not None

    @property
    def interruptible(self) -> bool:
        """Whether the peer may interrupt what is being said."""
        return not self._items or self._items[0].interruptible

    def say(self, text: str, *, interruptible: bool = True) -> Utterance:
        """Say `text` after everything else. Raises `SpeechError` for no text, no voice, or a full queue."""
        if self._voice is not None and not text.strip():
            raise SpeechError("There is nothing to say: the text is empty")
        stream = TextStream(clock=self._clock)
        item = self._append_text(stream, interruptible)
        stream.append(text)
        stream.end()
        return item.utterance

    def open(self, stream_id: str, *, interruptible: bool = True) -> Utterance:
        """Say a text that is still to come, after everything else: `append` has the pieces.

        Raises `SpeechError` for no voice, a full queue, or a stream of that id that is open.
        """
        known = self._streams.get(stream_id)
        if known is not None and known[1].state is StreamState.OPEN:
            raise SpeechError(f"the stream {stream_id!r} is open already: append to it, or take another id")
        stream = TextStream(clock=self._clock)
        item = self._append_text(stream, interruptible)
        self._streams[stream_id] = item.utterance_id, stream
        self._streams.move_to_end(stream_id)
        if len(self._streams) > _REMEMBERED_STREAMS:
            self._streams.popitem(last=False)
        return item.utterance

    def append(self, stream_id: str, text: str, *, end: bool = False) -> Appended:
        """More text of an open stream, and whether that was all. What comes for a closed one is dropped, and told.

        Raises `SpeechError` for a stream that never was or that grows too long.
        """
        if stream_id not in self._streams:
            raise SpeechError(f"there is no stream {stream_id!r}: begin it without append")
        utterance_id, stream = self._streams[stream_id]
        accepted = stream.state is StreamState.OPEN
        if accepted:
            stream.append(text)
        if accepted and end:
            stream.end()
        return Appended(utterance_id=utterance_id, accepted=accepted, state=stream.state)

    async def play(self, path: Path | str, *, interruptible: bool = True) -> Utterance:
        """Play a file after everything else. Raises `SpeechError` for one that cannot be played, or a full queue."""
        file = Path(path)
        await check_playable(file)
        return self._append(PlayedFile(file), interruptible).utterance

    def next_frame(self, now: float) -> Pcm | None:
        """A `Mouth`: the frame to send now, or None when there is nothing to say."""
        frame = self._next_frame(now)
        return None if frame is None else self._loudness.applied(frame)

    def _next_frame(self, now: float) -> Pcm | None:
        if (fade := self._fade) is not None:
            self._fade = None
            return fade
        while self._items and self._paused_at is None:
            item = self._items[0]
            frame = item.playback.take(now)
            if frame is not None and not item.has_begun:
                self._on_event(item.begun(now))
            if item.playback.over:
                self._end(item)
            elif frame is None:
                return None
            self._room.set()
            if frame is not None:
                return frame
        return None

    def speak_lower(self) -> None:
        """Go on 15 dB lower, until `speak_up`, `resume` or an interruption."""
        self._loudness.lower()

    def speak_up(self) -> None:
        """Speak at the voice's own level again."""
        self._loudness.normal()

    def pause(self, heard_delay: float = 0.0) -> None:
        """Be silent at once, behind a fade-out of 5 ms, until `resume` or `interrupt`; when sounding."""
        if not self.sounding:
            return
        item = self._items[0]
        now = self._paused_at = self._clock()
        self._fade = item.playback.fade_out()
        self._finder.look()
        heard_ms = item.playback.heard_ms(now, heard_delay)
        self._on_event(Paused(utterance_id=item.utterance_id, heard_ms=heard_ms))

    def resume(self) -> None:
        """Go on at the beginning of the word that the pause cut; when paused."""
        if self._paused_at is None:
            return
        paused_ms = round((self._clock() - self._paused_at) * 1000, 1)
        self._paused_at = None
        self.speak_up()
        if self._items:
            item = self._items[0]
            rewound_ms = item.playback.rewind_to_word()
            self._on_event(
                Resumed(
                    utterance_id=item.utterance_id,
                    paused_ms=paused_ms,
                    rewound_ms=rewound_ms,
                    heard_text=item.playback.text_before(),
                    word_timing=item.playback.word_timing,
                )
            )

    def interrupt(self, heard_delay: float = 0.0, cause: Cause = Cause.REQUEST) -> Interruption:
        """Stop at once and forget what waits: the next frame holds a fade-out of 5 ms, those after it are None.

        `heard_delay` is how long sound takes to the peer's ear, seconds. Does nothing when nothing is being said.
        """
        items = list(self._items)
        self._items.clear()
        self._unfed.clear()
        self._finder.forget()
        for _, stream in self._streams.values():
            stream.close(StreamState.INTERRUPTED)
        if self._feeding is not None:
            self._feeding.cancel()
        paused, self._paused_at = self._paused_at is not None, None
        self.speak_up()
        if not items:
            return Interruption()
        if not paused:
            self._fade = items[0].playback.fade_out()
        now = self._clock()
        reports = [item.interrupted(now, heard_delay, cause) for item in items]
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
            tasks.create_task(self._finder.run())
            while True:
                while not self._unfed:
                    self._added.clear()
                    await self._added.wait()
                self._feeding = tasks.create_task(self._unfed.popleft().feed(self._until_room))
                await asyncio.wait([self._feeding])
                self._feeding = None

    def _append_text(self, stream: TextStream, interruptible: bool) -> Item:
        if self._voice is None:
            raise SpeechError("This service was started without a voice: set one to speak")
        return self._append(SpokenText(stream, self._voice, self._finder), interruptible)

    def _append(self, source: Source, interruptible: bool) -> Item:
        if len(self._items) >= _MAX_WAITING:
            raise SpeechError(f"{_MAX_WAITING} utterances wait already: wait for 'spoken', or interrupt")
        item = Item(source, self._clock(), interruptible=interruptible)
        self._items.append(item)
        self._unfed.append(item)
        self._added.set()
        return item

    async def _until_room(self) -> None:
        while self.ahead > _AHEAD_SECONDS:
            self._room.clear()
            await self._room.wait()

    def _end(self, item: Item) -> None:
        if not self._items or self._items[0] is not item:
            return  # whoever was told of the beginning interrupted it
        self._items.popleft()
        self._on_event(item.ended())

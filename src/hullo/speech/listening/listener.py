"""The ear of one call: from the frames of the peer to what was said."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hullo.media.pcm import Pcm, level_dbfs
from hullo.speech.endpointing.strategy import Endpointing
from hullo.speech.errors import SpeechError
from hullo.speech.events import (
    FailureKind,
    ListenerEvent,
    NothingRecognised,
    Partial,
    RecognitionFailed,
    SpeechStarted,
    Transcript,
)
from hullo.speech.listening.decimator import Decimator
from hullo.speech.listening.gain import levelled
from hullo.speech.listening.segmenter import Segment, Segmenter, SegmenterOutput, SegmenterSettings, ShortPause, WentOn
from hullo.speech.listening.suppression import NoiseSuppressor
from hullo.speech.listening.turn import SpokenTurn
from hullo.speech.listening.vad import CHUNK_SAMPLES, VAD_RATE, SileroModel, VoiceActivity
from hullo.speech.live import LiveWords
from hullo.speech.ports import Recognised, Recogniser

_MAX_WAITING = 8
_INAUDIBLE_DBFS = -80.0


@dataclass(frozen=True, slots=True)
class _Guess:
    """Recognition that began in a pause, in case the turn ends with it."""

    segment: Segment
    result: asyncio.Task[Recognised | None]


@dataclass(frozen=True, slots=True)
class _Job:
    segment: Segment
    guess: asyncio.Task[Recognised | None] | None


class Listener:
    """Hears one call; `on_event` is called in the event loop and returns at once.

    When `speculative`, recognition begins in each short pause and is dropped when the peer goes on, so that mostly the
    words are there when the turn is over. `started` is the time the call's media began, in the clock of `now`; None
    makes it that of the first frame. With `live_words` partial results come while the peer speaks, not only in pauses.

    At most 8 segments wait for the recogniser; when it falls further behind, the oldest is dropped and reported,
    because in a conversation the newest words matter most. `hear` and `run` belong to the same event loop.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        model: SileroModel,
        settings: SegmenterSettings,
        endpointing: Endpointing,
        on_event: Callable[[ListenerEvent], None],
        *,
        started: float | None,
        clock: Callable[[], float],
        speculative: bool = True,
        live_words: bool = False,
    ) -> None:
        self._recogniser = recogniser
        self._on_event = on_event
        self._started = started
        self._clock = clock
        self._speculative = speculative
        self._suppressor: NoiseSuppressor | None = None
        self._decimator = Decimator()
        self._activity = VoiceActivity(model)
        self._segmenter = Segmenter(settings, endpointing)
        self._unread = np.zeros(0, dtype=np.int16)
        self._tasks: asyncio.TaskGroup | None = None
        self._guess: _Guess | None = None
        self._jobs: deque[_Job] = deque()
        self._busy = False
        self._arrived = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._dropped = 0
        self._turn = SpokenTurn()
        self._live = LiveWords(recogniser, self._live_words) if live_words else None
        self._segment_started_at = 0.0

    @property
    def speaking(self) -> bool:
        """Whether the peer is speaking now."""
        return self._segmenter.speaking

    def decide_by(self, endpointing: Endpointing) -> None:
        """Let another strategy decide when the peer has finished, from the next pause on."""
        self._segmenter.endpointing = endpointing

    def suppress_noise(self, on: bool) -> None:
        """Take noise out of what is heard, or leave it, from the next frame on. Raises `SpeechError` if it can't."""
        if not on:
            self._suppressor = None
        elif self._suppressor is None:
            self._suppressor = NoiseSuppressor()

    def hear(self, pcm: Pcm, now: float) -> None:
        """An `Ear`: take the frame that was heard at `now`. At most about 200 µs, 2 ms in a pause; nothing waits."""
        if self._started is None:
            self._started = now
        if self._suppressor is not None:
            pcm = self._suppressor.clean(pcm)
        unread = np.concatenate([self._unread, self._decimator.feed(pcm)])
        while len(unread) >= CHUNK_SAMPLES:
            chunk, unread = unread[:CHUNK_SAMPLES], unread[CHUNK_SAMPLES:]
            self._take(chunk, now - self._started - len(unread) / VAD_RATE)
        self._unread = unread

    async def run(self) -> None:
        """Have segments recognised, one after the other, until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while True:
                    await self._arrived.wait()
                    self._arrived.clear()
                    while self._jobs:
                        self._busy = True
                        await self._recognise(self._jobs.popleft())
                        self._busy = False
                    self._settled.set()
        finally:
            self._tasks = None

    async def finish(self) -> None:
        """No more is heard: return once all that was said is told. `run` goes on meanwhile."""
        self._act(self._segmenter.finish())
        await self._settled.wait()

    def _take(self, chunk: Pcm, ends_at: float) -> None:
        # Muted peers send digital silence for minutes; it needs no network to know that.
        audible = level_dbfs(chunk) > _INAUDIBLE_DBFS
        probability = self._activity.probability(chunk) if audible else 0.0
        if self._live is not None and self._segmenter.speaking:
            self._live.feed(chunk)
        self._act(self._segmenter.feed(chunk, probability, ends_at))

    def _act(self, outputs: list[SegmenterOutput]) -> None:
        for output in outputs:
            match output:
                case ShortPause(segment):
                    self._guess_at(segment)
                case WentOn():
                    self._drop_guess()
                case Segment():
                    self._queue(output)
                    self._follow(output.ended_at)
                case SpeechStarted(at=at):
                    self._on_event(output)
                    self._follow(at)
                case _:
                    self._on_event(output)

    # While the peer speaks.

    def _follow(self, started_at: float) -> None:
        """Have the words told while they are said, if speech goes on now; they begin at `started_at`."""
        if self._live is None:
            return
        self._live.stop()
        if self._segmenter.speaking and self._tasks is not None:
            self._segment_started_at = started_at
            self._live.begin(self._tasks, self._segmenter.sound)

    def _live_words(self, text: str) -> None:
        self._tell_partial(self._segment_started_at, self._turn.with_more(text))

    # While a pause lasts.

    def _guess_at(self, segment: Segment) -> None:
        if not self._speculative or self._tasks is None or self._jobs or self._busy:
            return  # in the last two cases what was said before comes first
        task = self._tasks.create_task(self._guessed(segment))
        self._guess = _Guess(segment, task)
        self._segmenter.await_words()

    async def _guessed(self, segment: Segment) -> Recognised | None:
        try:
            result = await self._recogniser.transcribe(levelled(segment.samples))
        except SpeechError:
            self._act(self._segmenter.understood(None))
            return None  # it is tried again, and told, when the turn is over
        self._tell_partial(segment.started_at, self._turn.with_more(result.text))
        self._act(self._segmenter.understood(result.text))
        return result

    def _drop_guess(self) -> None:
        if self._guess is not None:
            self._guess.result.cancel()
            self._guess = None

    def _tell_partial(self, started_at: float, text: str) -> None:
        if text:
            self._on_event(Partial(text=text, started_at=self._turn.began(started_at)))

    # When a segment is complete.

    def _queue(self, segment: Segment) -> None:
        guess, self._guess = self._guess, None
        if guess is not None and guess.segment.ended_at != segment.ended_at:
            guess.result.cancel()
            guess = None
        self._jobs.append(_Job(segment, guess.result if guess is not None else None))
        self._settled.clear()
        self._arrived.set()
        if len(self._jobs) > _MAX_WAITING:
            self._dropped += 1
            self._on_event(
                self._failed(
                    self._jobs.popleft().segment, FailureKind.DROPPED, "the recogniser is slower than the speech"
                )
            )

    async def _recognise(self, job: _Job) -> None:
        segment, result = job.segment, None
        try:
            result = await self._result(job)
        except SpeechError as error:
            self._on_event(self._failed(segment, FailureKind.FAILED, str(error)))
        if segment.continues:
            self._turn.add(segment.started_at, result.text if result is not None else "")
            self._tell_partial(segment.started_at, self._turn.text)
        else:
            self._on_event(self._whole(segment, result))

    def _whole(self, segment: Segment, last: Recognised | None) -> ListenerEvent:
        """The event of a turn that is over: `last` has its last words, None if they were not recognised."""
        assert self._started is not None
        started_at = self._turn.began(segment.started_at)
        text = self._turn.finish(last.text if last is not None else "")
        end_of_speech_ms = round((segment.decided_at - segment.ended_at) * 1000, 1)
        recognition_ms = round((self._clock() - self._started - segment.decided_at) * 1000, 1)
        if not text:
            return NothingRecognised(
                started_at=started_at,
                ended_at=segment.ended_at,
                end_of_speech_ms=end_of_speech_ms,
                recognition_ms=recognition_ms,
            )
        return Transcript(
            text=text,
            confidence=last.confidence if last is not None else None,
            language=last.language if last is not None else None,
            started_at=started_at,
            ended_at=segment.ended_at,
            end_of_speech_ms=end_of_speech_ms,
            recognition_ms=recognition_ms,
        )

    async def _result(self, job: _Job) -> Recognised:
        if job.guess is not None and (result := await job.guess) is not None:
            return result
        samples = levelled(job.segment.samples)
        try:
            return await self._recogniser.transcribe(samples)
        except SpeechError as error:
            if job.guess is not None or not error.transient:
                raise  # a guess was the first attempt
        return await self._recogniser.transcribe(samples)  # by a host that was started again, most likely

    def _failed(self, segment: Segment, kind: FailureKind, detail: str) -> RecognitionFailed:
        return RecognitionFailed(
            kind=kind,
            started_at=segment.started_at,
            ended_at=segment.ended_at,
            detail=detail,
            dropped=self._dropped,
        )

"""The ear of one call: from the frames of the peer to what was said."""

import asyncio
from collections import deque
from collections.abc import Callable

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm, level_dbfs
from hullo.speech.errors import SpeechError
from hullo.speech.events import FailureKind, ListenerEvent, NothingRecognised, RecognitionFailed, Transcript
from hullo.speech.ports import Recognised, Recogniser
from hullo.speech.resample import Resampler
from hullo.speech.segmenter import Segment, Segmenter, SegmenterSettings
from hullo.speech.vad import CHUNK_SAMPLES, VAD_RATE, SileroModel, VoiceActivity

_MAX_WAITING = 8
_INAUDIBLE_DBFS = -80.0


class Listener:
    """Hears one call; `on_event` is called in the event loop and returns at once.

    `started` is the time the call's media began, in the clock of `now`; None makes it that of the first frame.
    At most 8 segments wait for the recogniser; when it falls further behind, the oldest is dropped and reported,
    because in a conversation the newest words matter most. `hear` and `run` belong to the same event loop.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        model: SileroModel,
        settings: SegmenterSettings,
        on_event: Callable[[ListenerEvent], None],
        *,
        started: float | None,
        clock: Callable[[], float],
    ) -> None:
        self._recogniser = recogniser
        self._on_event = on_event
        self._started = started
        self._clock = clock
        self._resampler = Resampler(SAMPLE_RATE, VAD_RATE)
        self._activity = VoiceActivity(model)
        self._segmenter = Segmenter(settings)
        self._unread = np.zeros(0, dtype=np.int16)
        self._waiting: deque[Segment] = deque()
        self._arrived = asyncio.Event()
        self._dropped = 0

    @property
    def speaking(self) -> bool:
        """Whether the peer is speaking now."""
        return self._segmenter.speaking

    def hear(self, pcm: Pcm, now: float) -> None:
        """An `Ear`: take the frame that was heard at `now`. At most about 200 µs; nothing here waits."""
        if self._started is None:
            self._started = now
        unread = np.concatenate([self._unread, self._resampler.feed(pcm)])
        while len(unread) >= CHUNK_SAMPLES:
            chunk, unread = unread[:CHUNK_SAMPLES], unread[CHUNK_SAMPLES:]
            self._take(chunk, now - self._started - len(unread) / VAD_RATE)
        self._unread = unread

    async def run(self) -> None:
        """Have segments recognised, one after the other, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                self._on_event(await self._recognised(self._waiting.popleft()))

    def _take(self, chunk: Pcm, ends_at: float) -> None:
        # Muted peers send digital silence for minutes; it needs no network to know that.
        audible = level_dbfs(chunk) > _INAUDIBLE_DBFS
        probability = self._activity.probability(chunk) if audible else 0.0
        for output in self._segmenter.feed(chunk, probability, ends_at):
            if isinstance(output, Segment):
                self._queue(output)
            else:
                self._on_event(output)

    def _queue(self, segment: Segment) -> None:
        self._waiting.append(segment)
        self._arrived.set()
        if len(self._waiting) > _MAX_WAITING:
            self._dropped += 1
            self._on_event(
                self._failed(self._waiting.popleft(), FailureKind.DROPPED, "the recogniser is slower than the speech")
            )

    async def _recognised(self, segment: Segment) -> ListenerEvent:
        try:
            result = await self._transcribe(segment.samples)
        except SpeechError as error:
            return self._failed(segment, FailureKind.FAILED, str(error))
        assert self._started is not None
        end_of_speech_ms = round((segment.decided_at - segment.ended_at) * 1000, 1)
        recognition_ms = round((self._clock() - self._started - segment.decided_at) * 1000, 1)
        if not result.text:
            return NothingRecognised(
                started_at=segment.started_at,
                ended_at=segment.ended_at,
                end_of_speech_ms=end_of_speech_ms,
                recognition_ms=recognition_ms,
            )
        return Transcript(
            text=result.text,
            confidence=result.confidence,
            started_at=segment.started_at,
            ended_at=segment.ended_at,
            end_of_speech_ms=end_of_speech_ms,
            recognition_ms=recognition_ms,
            continues=segment.continues,
        )

    async def _transcribe(self, samples: Pcm) -> Recognised:
        try:
            return await self._recogniser.transcribe(samples)
        except SpeechError as error:
            if not error.transient:
                raise
        return await self._recogniser.transcribe(samples)  # by a host that was started again, most likely

    def _failed(self, segment: Segment, kind: FailureKind, detail: str) -> RecognitionFailed:
        return RecognitionFailed(
            kind=kind,
            started_at=segment.started_at,
            ended_at=segment.ended_at,
            detail=detail,
            dropped=self._dropped,
        )

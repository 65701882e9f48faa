"""From voice activity to speech segments: when speech began, when it ended, and its sound. Pure: no clock, no model."""

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from hullo.media.pcm import Pcm, level_dbfs
from hullo.speech.events import SpeechEnded, SpeechStarted
from hullo.speech.noise import NoiseFloor
from hullo.speech.vad import CHUNK_SECONDS


@dataclass(frozen=True, kw_only=True)
class SegmenterSettings:
    """When speech counts as begun and ended. Probabilities are those of `VoiceActivity`, durations in seconds."""

    onset: float = 0.5
    """Speech begins when chunks reach this for `onset_seconds`."""
    offset: float = 0.35
    """Speech goes on while a chunk reaches this."""
    onset_seconds: float = 0.064
    end_pause: float = 0.6
    """Speech has ended when nothing reached `offset` for so long. Longer: fewer cuts; shorter: faster answers."""
    pre_roll: float = 0.3
    """Sound from before the onset that belongs to the segment, so that no soft first consonant is lost."""
    hang_over: float = 0.25
    """Sound after the last speech that belongs to the segment; at most `end_pause`."""
    max_segment: float = 30.0
    """Longer speech is cut at its best pause (Whisper's window; also what bounds the memory)."""

    def __post_init__(self) -> None:
        if not 0.0 < self.offset <= self.onset < 1.0:
            raise ValueError(f"Voice activity needs 0 < offset <= onset < 1, not {self.offset} and {self.onset}")
        if not 0.1 <= self.end_pause <= 10.0:
            raise ValueError(f"The end pause is 0.1 to 10 seconds, not {self.end_pause}")
        if not self.end_pause + self.pre_roll + 1.0 <= self.max_segment <= 60.0:
            raise ValueError(f"The longest segment is a second more than the pauses to 60 s, not {self.max_segment}")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Speech to recognise: 16 kHz mono sound with pre-roll and hang-over around `started_at`..`ended_at`.

    Times are seconds of the call. `decided_at` is when its end was certain; `continues` is true when the speech
    went on and was only cut for its length.
    """

    samples: Pcm = field(repr=False)
    started_at: float
    ended_at: float
    decided_at: float
    continues: bool = False


SegmenterOutput: TypeAlias = SpeechStarted | SpeechEnded | Segment


@dataclass(frozen=True, slots=True)
class _Chunk:
    samples: Pcm
    probability: float
    voiced: bool
    ends_at: float

    @property
    def starts_at(self) -> float:
        return round(self.ends_at - CHUNK_SECONDS, 3)


class Segmenter:
    """Hysteresis over one stream of 32 ms chunks, with bars that rise near the noise floor."""

    def __init__(self, settings: SegmenterSettings) -> None:
        self._settings = settings
        self._onset_chunks = max(1, round(settings.onset_seconds / CHUNK_SECONDS))
        self._pre_roll_chunks = round(settings.pre_roll / CHUNK_SECONDS)
        self._max_chunks = int(settings.max_segment / CHUNK_SECONDS)
        self._before: deque[_Chunk] = deque(maxlen=self._pre_roll_chunks + self._onset_chunks)
        self._speech: list[_Chunk] = []
        self._started_at = 0.0
        self._last_voiced = 0
        self._floor = NoiseFloor()

    @property
    def speaking(self) -> bool:
        """Whether speech has begun and not yet ended."""
        return bool(self._speech)

    def feed(self, samples: Pcm, probability: float, ends_at: float) -> list[SegmenterOutput]:
        """Take one chunk that ended at `ends_at` seconds of the call; what it decided, usually nothing."""
        bar = self._settings.offset if self._speech else self._settings.onset
        voiced = probability >= self._floor.raised(bar, level_dbfs(samples))
        chunk = _Chunk(samples, probability, voiced, round(ends_at, 3))
        return self._go_on(chunk) if self._speech else self._wait(chunk)

    def _wait(self, chunk: _Chunk) -> list[SegmenterOutput]:
        self._before.append(chunk)
        newest = list(self._before)[-self._onset_chunks :]
        if len(newest) < self._onset_chunks or not all(one.voiced for one in newest):
            return []
        self._speech = list(self._before)
        self._before.clear()
        self._last_voiced = len(self._speech) - 1
        self._started_at = newest[0].starts_at
        return [SpeechStarted(at=self._started_at)]

    def _go_on(self, chunk: _Chunk) -> list[SegmenterOutput]:
        self._speech.append(chunk)
        if chunk.voiced:
            self._last_voiced = len(self._speech) - 1
        last_voiced = self._speech[self._last_voiced]
        if chunk.ends_at - last_voiced.ends_at >= self._settings.end_pause - CHUNK_SECONDS / 2:
            return self._end(chunk.ends_at)
        return [self._cut(chunk.ends_at)] if len(self._speech) >= self._max_chunks else []

    def _end(self, now: float) -> list[SegmenterOutput]:
        ended_at = self._speech[self._last_voiced].ends_at
        keep = self._last_voiced + 1 + round(self._settings.hang_over / CHUNK_SECONDS)
        segment = self._segment(self._speech[:keep], ended_at, now, continues=False)
        # What came after the hang-over is the pre-roll of speech that may follow at once.
        self._before.extend(self._speech[keep:])
        self._speech = []
        return [SpeechEnded(at=ended_at), segment]

    def _cut(self, now: float) -> Segment:
        at = _best_pause(self._speech)
        first, self._speech = self._speech[:at], self._speech[at:]
        ended_at = first[-1].ends_at
        segment = self._segment(first, ended_at, now, continues=True)
        self._last_voiced = max(self._last_voiced - at, 0)
        self._started_at = ended_at
        return segment

    def _segment(self, chunks: list[_Chunk], ended_at: float, now: float, *, continues: bool) -> Segment:
        return Segment(
            samples=np.concatenate([chunk.samples for chunk in chunks]),
            started_at=self._started_at,
            ended_at=ended_at,
            decided_at=now,
            continues=continues,
        )


def _best_pause(chunks: list[_Chunk]) -> int:
    """Where to cut: the middle of the 160 ms that sound least like speech in the later half."""
    width = 5
    half = len(chunks) // 2
    probabilities = np.array([chunk.probability for chunk in chunks[half:-1]])
    sums = np.convolve(probabilities, np.ones(width), mode="valid")
    return half + int(np.argmin(sums)) + width // 2

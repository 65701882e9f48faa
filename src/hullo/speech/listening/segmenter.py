"""From voice activity to speech segments: when speech began, when it ended, and its sound. Pure: no clock, no model."""

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from hullo.media.pcm import Pcm, level_dbfs
from hullo.speech.endpointing.strategy import LONGEST_PAUSE, SHORTEST_PAUSE, Endpointing, Pause
from hullo.speech.events import SpeechEnded, SpeechStarted
from hullo.speech.listening.noise import NoiseFloor
from hullo.speech.listening.vad import CHUNK_SECONDS

_TOLERANCE = CHUNK_SECONDS / 2
_RESUMED_WITHIN = 1.0
"""Seconds: who speaks again so soon after a turn was taken to be over had not finished, for no answer comes so fast."""
_NO_SOUND: Pcm = np.zeros(0, dtype=np.int16)
_MELODY_CHUNKS = round(2.0 / CHUNK_SECONDS)


@dataclass(frozen=True, kw_only=True)
class SegmenterSettings:
    """When speech counts as begun and paused. Probabilities are those of `VoiceActivity`, durations in seconds."""

    onset: float = 0.5
    """Speech begins when chunks reach this for `onset_seconds`."""
    offset: float = 0.35
    """Speech goes on while a chunk reaches this."""
    onset_seconds: float = 0.064
    pre_roll: float = 0.3
    """Sound from before the onset that belongs to the segment, so that no soft first consonant is lost."""
    hang_over: float = SHORTEST_PAUSE
    """Sound after the last speech that belongs to the segment; at most the shortest pause."""
    longest_wait: float = 1.2
    """A turn whose words are still being recognised is over after this pause at the latest, or the strategy's own."""
    max_segment: float = 30.0
    """Longer speech is cut at its best pause (Whisper's window; also what bounds the memory)."""

    def __post_init__(self) -> None:
        if not 0.0 < self.offset <= self.onset < 1.0:
            raise ValueError(f"Voice activity needs 0 < offset <= onset < 1, not {self.offset} and {self.onset}")
        if not 0.0 <= self.hang_over <= SHORTEST_PAUSE:
            raise ValueError(f"The hang-over is at most the shortest pause, {SHORTEST_PAUSE:g} s, not {self.hang_over}")
        if not self.pre_roll + 2.0 <= self.max_segment <= 60.0:
            raise ValueError(f"The longest segment is 2 s more than the pre-roll to 60 s, not {self.max_segment}")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Speech to recognise: 16 kHz mono sound with pre-roll and hang-over around `started_at`..`ended_at`.

    Times are seconds of the call. `decided_at` is when its end was certain by the pause alone; `continues` is true
    when the speech went on and was only cut for its length.
    """

    samples: Pcm = field(repr=False)
    started_at: float
    ended_at: float
    decided_at: float
    continues: bool = False


@dataclass(frozen=True, slots=True)
class ShortPause:
    """Nothing was said for 0.2 s: this is the segment if the turn is over, with all the sound that it will have."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class WentOn:
    """The turn went on after a `ShortPause`."""


SegmenterOutput: TypeAlias = SpeechStarted | SpeechEnded | ShortPause | WentOn | Segment


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
    """Hysteresis over one stream of 32 ms chunks, with bars that rise near the noise floor.

    The end of a turn is decided by `endpointing`, which may be replaced at any time. Between `ShortPause` and the end,
    `await_words` holds the decision back until `understood`: no answer could begin before the words are known, so
    the peer is given that time to go on.
    """

    def __init__(self, settings: SegmenterSettings, endpointing: Endpointing) -> None:
        self._settings = settings
        self.endpointing = endpointing
        self._onset_chunks = max(1, round(settings.onset_seconds / CHUNK_SECONDS))
        self._pre_roll_chunks = round(settings.pre_roll / CHUNK_SECONDS)
        self._max_chunks = int(settings.max_segment / CHUNK_SECONDS)
        self._before: deque[_Chunk] = deque(maxlen=self._pre_roll_chunks + self._onset_chunks)
        self._speech: list[_Chunk] = []
        self._started_at = 0.0
        self._last_voiced = 0
        self._ended_at: float | None = None
        self._end_pause: float | None = None
        self._awaiting_words = False
        self._floor = NoiseFloor()

    @property
    def speaking(self) -> bool:
        """Whether speech has begun and not yet ended."""
        return bool(self._speech)

    @property
    def sound(self) -> Pcm:
        """The sound of the segment so far; empty while nobody speaks."""
        return np.concatenate([_NO_SOUND, *(chunk.samples for chunk in self._speech)])

    def feed(self, samples: Pcm, probability: float, ends_at: float) -> list[SegmenterOutput]:
        """Take one chunk that ended at `ends_at` seconds of the call; what it decided, usually nothing."""
        bar = self._settings.offset if self._speech else self._settings.onset
        voiced = probability >= self._floor.raised(bar, level_dbfs(samples))
        chunk = _Chunk(samples, probability, voiced, round(ends_at, 3))
        return self._go_on(chunk) if self._speech else self._wait(chunk)

    def await_words(self) -> None:
        """The words before this pause are being recognised: do not end the turn without them, unless it takes long."""
        self._awaiting_words = self._end_pause is not None

    def understood(self, text: str | None) -> list[SegmenterOutput]:
        """The words before this pause, None when they will not be known; what that decided.

        Words that nobody waits for any more belong to a turn that is over, and decide nothing.
        """
        if not self._awaiting_words or self._end_pause is None:
            return []
        self._awaiting_words = False
        if text is not None:
            self._end_pause = min(self.endpointing.understood(text), LONGEST_PAUSE)
        return self._end_if_due()

    def finish(self) -> list[SegmenterOutput]:
        """Nothing more will come: a turn that has begun is over."""
        return self._end() if self._speech else []

    def _wait(self, chunk: _Chunk) -> list[SegmenterOutput]:
        self._before.append(chunk)
        newest = list(self._before)[-self._onset_chunks :]
        if len(newest) < self._onset_chunks or not all(one.voiced for one in newest):
            return []
        self._speech = list(self._before)
        self._before.clear()
        self._last_voiced = len(self._speech) - 1
        self._started_at = newest[0].starts_at
        if self._ended_at is not None and self._started_at - self._ended_at < _RESUMED_WITHIN:
            self.endpointing.resumed(self._started_at - self._ended_at)
        return [SpeechStarted(at=self._started_at)]

    def _go_on(self, chunk: _Chunk) -> list[SegmenterOutput]:
        outputs: list[SegmenterOutput] = []
        self._speech.append(chunk)
        if chunk.voiced:
            outputs += self._resume(chunk.starts_at)
            self._last_voiced = len(self._speech) - 1
        elif self._end_pause is not None:
            outputs += self._end_if_due()
        elif self._pause >= SHORTEST_PAUSE - _TOLERANCE:
            outputs += self._notice_pause()
        if len(self._speech) >= self._max_chunks:
            outputs += self._cut(chunk.ends_at)
        return outputs

    @property
    def _pause(self) -> float:
        return self._speech[-1].ends_at - self._speech[self._last_voiced].ends_at

    def _notice_pause(self) -> list[SegmenterOutput]:
        last = self._last_voiced + 1
        melody = [chunk.samples for chunk in self._speech[max(last - _MELODY_CHUNKS, 0) : last]]
        spoken = self._speech[self._last_voiced].ends_at - self._started_at
        needed = self.endpointing.paused(Pause(speech=np.concatenate(melody), spoken=spoken))
        self._end_pause = min(needed, LONGEST_PAUSE)
        return self._end_if_due() or [ShortPause(self._whole_segment())]

    def _resume(self, now: float) -> list[SegmenterOutput]:
        if self._end_pause is None:
            return []
        self._end_pause, self._awaiting_words = None, False
        self.endpointing.resumed(now - self._speech[self._last_voiced].ends_at)
        return [WentOn()]

    def _end_if_due(self) -> list[SegmenterOutput]:
        assert self._end_pause is not None
        needed = self._end_pause
        if self._awaiting_words:
            needed = max(needed, self._settings.longest_wait)
        return self._end() if self._pause >= needed - _TOLERANCE else []

    def _end(self) -> list[SegmenterOutput]:
        segment = self._whole_segment()
        # What came after the hang-over is the pre-roll of speech that may follow at once.
        self._before.extend(self._speech[self._end_of_sound :])
        self._speech = []
        self._end_pause, self._awaiting_words = None, False
        self._ended_at = segment.ended_at
        self.endpointing.ended()
        return [SpeechEnded(at=segment.ended_at), segment]

    def _cut(self, now: float) -> list[SegmenterOutput]:
        outputs: list[SegmenterOutput] = [] if self._end_pause is None else [WentOn()]
        self._end_pause, self._awaiting_words = None, False
        at = _best_pause(self._speech)
        first, self._speech = self._speech[:at], self._speech[at:]
        ended_at = first[-1].ends_at
        segment = self._segment(first, ended_at, now, continues=True)
        self._last_voiced = max(self._last_voiced - at, 0)
        self._started_at = ended_at
        return [*outputs, segment]

    @property
    def _end_of_sound(self) -> int:
        return self._last_voiced + 1 + round(self._settings.hang_over / CHUNK_SECONDS)

    def _whole_segment(self) -> Segment:
        ended_at = self._speech[self._last_voiced].ends_at
        decided_at = min(ended_at + (self._end_pause or 0.0), self._speech[-1].ends_at)
        return self._segment(self._speech[: self._end_of_sound], ended_at, decided_at, continues=False)

    def _segment(self, chunks: list[_Chunk], ended_at: float, decided_at: float, *, continues: bool) -> Segment:
        return Segment(
            samples=np.concatenate([chunk.samples for chunk in chunks]),
            started_at=self._started_at,
            ended_at=ended_at,
            decided_at=decided_at,
            continues=continues,
        )


def _best_pause(chunks: list[_Chunk]) -> int:
    """Where to cut: the middle of the 160 ms that sound least like speech in the later half."""
    width = 5
    half = len(chunks) // 2
    probabilities = np.array([chunk.probability for chunk in chunks[half:-1]])
    sums = np.convolve(probabilities, np.ones(width), mode="valid")
    return half + int(np.argmin(sums)) + width // 2

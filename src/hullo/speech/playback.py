"""The sound of one utterance on its way out, and how much of it was heard. Pure: no clock, no tasks."""

from collections import deque

import numpy as np

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, Pcm

_FRAME_MS = FRAME_SECONDS * 1000
_FADE_SAMPLES = 240
_EXPECTED_WORDS_PER_SECOND = 2.7
_REMEMBERED_FRAMES = 250
"""5 s: no path to a peer's ear is longer."""


class Playback:
    """Frames of 20 ms between the voice that makes them and the tick that takes them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._frames: deque[Pcm] = deque()
        self._rest = np.zeros(0, dtype=np.int16)
        self._sent_at: deque[float] = deque(maxlen=_REMEMBERED_FRAMES)
        self.complete = False
        self.failure: str | None = None
        self.received = 0
        self.sent_frames = 0
        self.gap_frames = 0

    @property
    def ahead(self) -> float:
        """Seconds of sound that wait to be taken."""
        return len(self._frames) * FRAME_SECONDS

    @property
    def over(self) -> bool:
        """Whether everything there will ever be has been taken."""
        return self.complete and not self._frames

    @property
    def sent_ms(self) -> float:
        """How much was taken."""
        return self.sent_frames * _FRAME_MS

    def add(self, pcm: Pcm) -> None:
        """More sound, of any length."""
        self.received += len(pcm)
        samples = np.concatenate([self._rest, pcm])
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        self._frames.extend(samples[:whole].reshape(-1, FRAME_SAMPLES))
        self._rest = samples[whole:]

    def finish(self, failure: str | None = None) -> None:
        """There is no more sound, because that was all or because of `failure`. The last frame ends in silence."""
        if len(self._rest):
            self._frames.append(np.pad(self._rest, (0, FRAME_SAMPLES - len(self._rest))))
            self._rest = self._rest[:0]
        self.complete, self.failure = True, failure

    def take(self, now: float) -> Pcm | None:
        """The next frame; None, counted as a gap once it has begun, when the voice is late."""
        if not self._frames:
            self.gap_frames += bool(self.sent_frames) and not self.complete
            return None
        self.sent_frames += 1
        self._sent_at.append(now)
        return self._frames.popleft()

    def fade_out(self) -> Pcm | None:
        """A frame that goes from what would have come next to silence in 5 ms; None if nothing was sounding."""
        if not self.sent_frames or not self._frames:
            return None
        frame = np.zeros(FRAME_SAMPLES, dtype=np.int16)
        frame[:_FADE_SAMPLES] = self._frames[0][:_FADE_SAMPLES] * np.linspace(1.0, 0.0, _FADE_SAMPLES)
        return frame

    def heard_ms(self, now: float, heard_delay: float) -> float:
        """How much had reached the peer's ear at `now`, when sound takes `heard_delay` seconds to get there."""
        under_way = sum(sent_at > now - heard_delay for sent_at in self._sent_at)
        return (self.sent_frames - under_way) * _FRAME_MS

    def heard_text(self, heard_ms: float) -> str:
        """The words up to `heard_ms`, by their share of all words; a pace is assumed while the length is unknown."""
        words = self._text.split()
        total_ms = self.received * 1000 / (FRAME_SAMPLES / FRAME_SECONDS)
        if not self.complete:
            total_ms = max(total_ms, len(words) / _EXPECTED_WORDS_PER_SECOND * 1000)
        share = min(heard_ms / total_ms, 1.0) if total_ms else 0.0
        return " ".join(words[: int(share * len(words) + 1e-9)])

"""The sound of one utterance on its way out, and how much of it was heard. Pure: no clock, no tasks."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm, level_dbfs
from hullo.speech.ports import WordTiming
from hullo.speech.speaking.wording import TimingSource, Wording

_FRAME_MS = FRAME_SECONDS * 1000
_FADE_SAMPLES = 240
_REMEMBERED_FRAMES = 250
"""5 s: no path to a peer's ear is longer, and no word."""
_BREAK_FRAMES = 20
_BREAK_DB = 18.0


class Playback:
    """Frames of 20 ms between the voice that makes them and the tick that takes them."""

    def __init__(self) -> None:
        self._frames: deque[Pcm] = deque()
        self._rest = np.zeros(0, dtype=np.int16)
        self._sent: deque[tuple[float, Pcm]] = deque(maxlen=_REMEMBERED_FRAMES)
        self._wording = Wording()
        self._fades_in = False
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

    @property
    def word_timing(self) -> TimingSource:
        """Where `heard_text` knows the times of words from, of those that were sent."""
        return self._wording.timing(self.sent_frames * FRAME_SAMPLES)

    @property
    def words_told(self) -> bool:
        """Whether the voice tells the times of the newest sentence's words."""
        return self._wording.told

    def begin_sentence(self, sentence: str) -> int:
        """The sound that follows is that of `sentence`; its number for `align_words`."""
        return self._wording.begin(sentence, self.received)

    def end_sentence(self) -> None:
        """All sound of the sentence is there."""
        self._flush()
        self._wording.end(self.received)

    def mark_words(self, words: Sequence[WordTiming]) -> None:
        """The voice told when words of the sentence begin."""
        for word in words:
            self._wording.mark(word.word, round(word.start_s * SAMPLE_RATE))

    def align_words(self, number: int, words: Sequence[WordTiming], until_s: float | None) -> None:
        """Words of a sentence were found in its sound, or in the first `until_s` seconds of it."""
        until = None if until_s is None else round(until_s * SAMPLE_RATE)
        self._wording.align(number, [(word.word, round(word.start_s * SAMPLE_RATE)) for word in words], until)

    def add(self, pcm: Pcm) -> None:
        """More sound, of any length."""
        self.received += len(pcm)
        samples = np.concatenate([self._rest, pcm])
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        self._frames.extend(samples[:whole].reshape(-1, FRAME_SAMPLES))
        self._rest = samples[whole:]

    def finish(self, failure: str | None = None) -> None:
        """There is no more sound, because that was all or because of `failure`. The last frame ends in silence."""
        self._flush()
        self.complete, self.failure = True, failure

    def take(self, now: float) -> Pcm | None:
        """The next frame; None, counted as a gap once it has begun, when the voice is late."""
        if not self._frames:
            self.gap_frames += bool(self.sent_frames) and not self.complete
            return None
        self.sent_frames += 1
        frame = self._frames.popleft()
        self._sent.append((now, frame))
        if self._fades_in:
            self._fades_in = False
            return _faded(frame, 0.0, 1.0)
        return frame

    def fade_out(self) -> Pcm | None:
        """A frame that goes from what would have come next to silence in 5 ms; None if nothing was sounding."""
        if not self.sent_frames or not self._frames:
            return None
        frame = _faded(self._frames[0], 1.0, 0.0)
        frame[_FADE_SAMPLES:] = 0
        return frame

    def rewind_to_word(self) -> float:
        """Go back to where the word begins that is sounding; how far, in ms. What follows fades in over 5 ms.

        Where no times of words are known, the nearest break in the sound is taken for the beginning of one.
        """
        begin = self._wording.word_begin(self.sent_frames * FRAME_SAMPLES, self.received)
        if begin is None:
            frames = self._frames_since_break()
        else:
            frames = min(self.sent_frames - begin // FRAME_SAMPLES, len(self._sent))
        for _ in range(frames):
            self._frames.appendleft(self._sent.pop()[1])
        self.sent_frames -= frames
        self._fades_in = True
        return frames * _FRAME_MS

    def heard_ms(self, now: float, heard_delay: float) -> float:
        """How much had reached the peer's ear at `now`, when sound takes `heard_delay` seconds to get there."""
        under_way = sum(sent_at > now - heard_delay for sent_at, _ in self._sent)
        return (self.sent_frames - under_way) * _FRAME_MS

    def heard_text(self, heard_ms: float) -> str:
        """The words whose sound is over at `heard_ms`."""
        return self._wording.heard(round(heard_ms * SAMPLE_RATE / 1000), self.received)

    def text_before(self) -> str:
        """The words before that which begins in the next frame."""
        return self.heard_text(self.sent_ms + _FRAME_MS)

    def _frames_since_break(self) -> int:
        """The frames sent since the last one that is far below the loudest of the last 0.4 s, or the quietest."""
        recent = list(self._sent)[-_BREAK_FRAMES:]
        levels = [level_dbfs(frame) for _, frame in recent]
        if not levels:
            return 0
        far_below = [number for number, level in enumerate(levels) if level < max(levels) - _BREAK_DB]
        return len(levels) - 1 - (far_below[-1] if far_below else levels.index(min(levels)))

    def _flush(self) -> None:
        # Whoever speaks next may take a while: what fills no whole frame is filled up with silence.
        if len(self._rest):
            missing = FRAME_SAMPLES - len(self._rest)
            self._frames.append(np.pad(self._rest, (0, missing)))
            self._rest = self._rest[:0]
            self.received += missing


def _faded(frame: Pcm, start: float, end: float) -> Pcm:
    """A copy of the frame whose first 5 ms go from one share of its level to the other."""
    faded = frame.copy()
    faded[:_FADE_SAMPLES] = frame[:_FADE_SAMPLES] * np.linspace(start, end, _FADE_SAMPLES)
    return faded

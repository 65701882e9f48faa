"""A tone: to test a speaker by, and before a caller's message."""

from collections.abc import Iterator

import numpy as np

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm

_AMPLITUDE = 6_000
_FADE_SECONDS = 0.05


def tone_frames(seconds: float, hertz: float = 440.0) -> Iterator[Pcm]:
    """A tone in frames of 20 ms, with a soft beginning and end."""
    count = round(seconds * SAMPLE_RATE)
    at = np.arange(count)
    fade = np.minimum(1.0, np.minimum(at, count - at) / (_FADE_SECONDS * SAMPLE_RATE))
    tone = _AMPLITUDE * fade * np.sin(2 * np.pi * hertz * at / SAMPLE_RATE)
    samples = np.asarray(tone, dtype=np.int16)
    for start in range(0, round(seconds / FRAME_SECONDS) * FRAME_SAMPLES, FRAME_SAMPLES):
        frame = samples[start : start + FRAME_SAMPLES]
        yield np.pad(frame, (0, FRAME_SAMPLES - len(frame)))

"""The tone by which a speaker is tested."""

from collections.abc import Iterator

import numpy as np

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm

_TONE_HERTZ = 440.0
_TONE_AMPLITUDE = 6_000
_FADE_SECONDS = 0.05


def tone_frames(seconds: float) -> Iterator[Pcm]:
    """A tone of 440 Hz in frames of 20 ms, with a soft beginning and end."""
    count = round(seconds * SAMPLE_RATE)
    at = np.arange(count)
    fade = np.minimum(1.0, np.minimum(at, count - at) / (_FADE_SECONDS * SAMPLE_RATE))
    tone = _TONE_AMPLITUDE * fade * np.sin(2 * np.pi * _TONE_HERTZ * at / SAMPLE_RATE)
    samples = np.asarray(tone, dtype=np.int16)
    for start in range(0, round(seconds / FRAME_SECONDS) * FRAME_SAMPLES, FRAME_SAMPLES):
        frame = samples[start : start + FRAME_SAMPLES]
        yield np.pad(frame, (0, FRAME_SAMPLES - len(frame)))

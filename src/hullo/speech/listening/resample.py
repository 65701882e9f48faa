"""Streaming change of sample rate for mono 16-bit sound."""

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from hullo.media.pcm import Pcm

_EMPTY: Pcm = np.zeros(0, dtype=np.int16)


class Resampler:
    """One stream from `source_rate` to `target_rate` Hz; keeps its filter's state between calls.

    The output comes at a constant cadence: 20 ms in give 20 ms out, except that the first call holds back about
    1 ms for the filter. Raises `ValueError` for a rate outside 1..384000 Hz.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        for rate in (source_rate, target_rate):
            if not 1 <= rate <= 384_000:
                raise ValueError(f"A sample rate of {rate} Hz cannot be resampled; use 1 to 384000")
        self._source_rate = source_rate
        self._resampler = AudioResampler(format="s16", layout="mono", rate=target_rate)
        self._passthrough = source_rate == target_rate

    def feed(self, samples: Pcm) -> Pcm:
        """The output that `samples` complete."""
        if self._passthrough or len(samples) == 0:
            return samples
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._source_rate
        return _joined(self._resampler.resample(frame))

    def finish(self) -> Pcm:
        """What the filter still holds; nothing may be fed after this."""
        if self._passthrough:
            return _EMPTY
        try:
            return _joined(self._resampler.resample(None))
        except av.error.EOFError:  # nothing was ever fed
            return _EMPTY


def _joined(frames: list[AudioFrame]) -> Pcm:
    if not frames:
        return _EMPTY
    pieces: list[Pcm] = [frame.to_ndarray()[0] for frame in frames]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def resample(samples: Pcm, source_rate: int, target_rate: int) -> Pcm:
    """A whole recording at another rate."""
    stream = Resampler(source_rate, target_rate)
    return np.concatenate([stream.feed(samples), stream.finish()])

"""From the sound events of Wyoming to 48 kHz mono, and the words that come with them."""

from collections.abc import Sequence

import numpy as np
from wyoming.event import Event

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.listening.resample import Resampler
from hullo.speech.ports import WordTiming

_LOWEST_RATE, _HIGHEST_RATE = 4_000, 192_000


class SoundDecoder:
    """Wyoming sound events of one utterance to 48 kHz mono."""

    def __init__(self) -> None:
        self._rate = 0
        self._resampler = Resampler(SAMPLE_RATE, SAMPLE_RATE)

    def feed(self, event: Event) -> Pcm:
        """The sound that `event` completes. Raises `ValueError` for a format that cannot be or that changes."""
        rate, channels = _format(event)
        if rate != self._rate:
            if self._rate:
                raise ValueError(f"sound that changes from {self._rate} to {rate} Hz")
            self._rate, self._resampler = rate, Resampler(rate, SAMPLE_RATE)
        return self._resampler.feed(_mono(event.payload or b"", channels))

    def finish(self) -> Pcm:
        """What the resampler still holds."""
        return self._resampler.finish()


def words_of(event: Event) -> Sequence[WordTiming]:
    """The words that an `audio-chunk` of our own host brings: `words`, each a word and seconds from the first sample.

    That is an addition to the protocol which others neither send nor mind. Raises `ValueError` for anything else there.
    """
    words = event.data.get("words", ())
    try:
        return [WordTiming(str(word), float(start)) for word, start in words]
    except (TypeError, ValueError):
        raise ValueError(f"words that make no sense: {words!r}"[:100]) from None


def _format(event: Event) -> tuple[int, int]:
    rate, width, channels = (event.data.get(name) for name in ("rate", "width", "channels"))
    if not isinstance(rate, int) or not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise ValueError(f"a sample rate of {str(rate)[:20]}")
    if width != 2 or channels not in (1, 2):
        raise ValueError(f"{str(channels)[:20]} channels of {str(width)[:20]} bytes, not 16-bit mono or stereo")
    return rate, int(channels)


def _mono(payload: bytes, channels: int) -> Pcm:
    if len(payload) % (2 * channels):
        raise ValueError(f"{len(payload)} bytes of sound, which is not a whole number of samples")
    samples = np.frombuffer(payload, dtype="<i2").astype(np.int16, copy=False)
    if channels == 1:
        return samples
    both: Pcm = samples.reshape(-1, 2).mean(axis=1).astype(np.int16)
    return both

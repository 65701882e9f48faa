"""Less noise around the peer's voice, before it is recognised: the noise suppression of libwebrtc."""

import numpy as np

from hullo.media.apm import BLOCK_SAMPLES, Apm, ProcessingUnavailable, load_apm
from hullo.media.pcm import Pcm
from hullo.speech.errors import SpeechError


def load_suppression() -> None:
    """Import what is needed, 0.4 s of work for a thread. Raises `SpeechError` when it is not installed."""
    try:
        load_apm()
    except ProcessingUnavailable as error:
        raise SpeechError(f"Noise suppression is not available: {error}") from None


class NoiseSuppressor:
    """One stream of 48 kHz mono; 0.2 ms a frame, and the sound comes 14 ms later. Raises as `load_suppression`."""

    def __init__(self) -> None:
        load_suppression()
        self._apm = Apm(noise_suppression=True, high_pass=True)
        self._rest: Pcm = np.zeros(0, dtype=np.int16)

    def clean(self, pcm: Pcm) -> Pcm:
        """The sound that `pcm` completes, in blocks of 10 ms."""
        samples = np.concatenate([self._rest, pcm]) if len(self._rest) else pcm
        whole = len(samples) // BLOCK_SAMPLES * BLOCK_SAMPLES
        self._rest = samples[whole:]
        return self._apm.capture(samples[:whole])

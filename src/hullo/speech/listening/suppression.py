"""Less noise around the peer's voice: the noise suppression of libwebrtc, from the `livekit` wheel, used by itself."""

from typing import Any

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.errors import SpeechError

_BLOCK = SAMPLE_RATE // 100


def load_suppression() -> None:
    """Import what is needed, 0.4 s of work for a thread. Raises `SpeechError` when it is not installed."""
    try:
        import livekit.rtc  # noqa: F401
    except ImportError:
        raise SpeechError("Noise suppression needs the package 'livekit': pip install 'hullo[devices]'") from None


class NoiseSuppressor:
    """One stream of 48 kHz mono; 0.2 ms a frame, and the sound comes 14 ms later. Raises as `load_suppression`."""

    def __init__(self) -> None:
        load_suppression()
        from livekit import rtc

        self._frame: Any = rtc.AudioFrame
        self._processing = rtc.AudioProcessingModule(noise_suppression=True, high_pass_filter=True)
        self._rest: Pcm = np.zeros(0, dtype=np.int16)

    def clean(self, pcm: Pcm) -> Pcm:
        """The sound that `pcm` completes, in blocks of 10 ms."""
        samples = np.concatenate([self._rest, pcm]) if len(self._rest) else pcm
        whole = len(samples) // _BLOCK * _BLOCK
        self._rest = samples[whole:]
        # Exactly 10 ms each: the library ends the process for any other length.
        blocks = [self._block(samples[at : at + _BLOCK]) for at in range(0, whole, _BLOCK)]
        return np.concatenate([samples[:0], *blocks])

    def _block(self, samples: Pcm) -> Pcm:
        frame = self._frame(samples.tobytes(), SAMPLE_RATE, 1, _BLOCK)
        self._processing.process_stream(frame)
        return np.frombuffer(frame.data, dtype=np.int16)

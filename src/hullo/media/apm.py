"""The audio processing module (APM) of libwebrtc, used by itself: the copy inside the `livekit` wheel."""

from typing import Any, Final

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm

BLOCK_SAMPLES: Final = SAMPLE_RATE // 100
"""The 10 ms that the module works in."""

LONGEST_DELAY: Final = 0.5
"""Seconds: libwebrtc takes no longer hint."""


class ProcessingUnavailable(RuntimeError):
    """The package is not installed; the message names what to install."""


def load_apm() -> None:
    """Import the package, 0.4 s of work for a thread. Raises `ProcessingUnavailable` when it is not installed."""
    try:
        import livekit.rtc  # noqa: F401
    except ImportError:
        raise ProcessingUnavailable("it needs the package 'livekit': pip install 'hullo[devices]'") from None


class Apm:
    """One microphone's processing, 48 kHz mono; what it does is fixed when it is made, in 1 ms.

    `capture` takes about 0.1 ms a block with everything on and `render` 0.05 ms. Not thread safe, and of no use in
    a forked child. Raises as `load_apm`.
    """

    def __init__(
        self,
        *,
        echo_cancellation: bool = False,
        noise_suppression: bool = False,
        automatic_gain: bool = False,
        high_pass: bool = False,
    ) -> None:
        load_apm()
        from livekit import rtc

        self._frame: Any = rtc.AudioFrame
        self._module = rtc.AudioProcessingModule(
            echo_cancellation=echo_cancellation,
            noise_suppression=noise_suppression,
            auto_gain_control=automatic_gain,
            high_pass_filter=high_pass,
        )

    def set_delay(self, seconds: float) -> None:
        """How long the sound of `render` takes to come back in `capture`: a hint, from 0 to `LONGEST_DELAY`."""
        self._module.set_stream_delay_ms(round(1000 * min(max(seconds, 0.0), LONGEST_DELAY)))

    def render(self, pcm: Pcm) -> None:
        """Hear whole blocks that go to the loudspeaker. Raises `ValueError` for a part of a block."""
        for block in _blocks(pcm):
            self._module.process_reverse_stream(self._frame(block.tobytes(), SAMPLE_RATE, 1, BLOCK_SAMPLES))

    def capture(self, pcm: Pcm) -> Pcm:
        """Whole blocks of the microphone, processed; the sound comes 8 to 14 ms later. Raises as `render`."""
        out = np.empty_like(pcm)
        for block, place in zip(_blocks(pcm), _blocks(out), strict=True):
            frame = self._frame(block.tobytes(), SAMPLE_RATE, 1, BLOCK_SAMPLES)
            self._module.process_stream(frame)
            place[:] = np.frombuffer(frame.data, dtype=np.int16)
        return out


def _blocks(pcm: Pcm) -> Pcm:
    if len(pcm) % BLOCK_SAMPLES:  # the library ends the process for a part of a block
        raise ValueError(f"the audio processing takes blocks of {BLOCK_SAMPLES} samples, not {len(pcm)} samples")
    return pcm.reshape(-1, BLOCK_SAMPLES)

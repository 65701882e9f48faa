"""The one form of sound inside a call: 48 kHz, mono, signed 16 bit, frames of 20 ms."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
FRAME_SAMPLES = 960
FRAME_SECONDS = 0.02

Pcm: TypeAlias = NDArray[np.int16]
"""Samples at 48 kHz, mono; a frame has `FRAME_SAMPLES` of them. Whoever is handed a frame does not write to it."""

Ear: TypeAlias = Callable[[Pcm, float], None]
"""Takes the frame heard now and the monotonic time in seconds. Called in the media tick: it returns at once."""

Mouth: TypeAlias = Callable[[float], Pcm | None]
"""Gives the frame to say now, or None for nothing to say. Called in the media tick: it returns at once."""

SILENCE: Pcm = np.zeros(FRAME_SAMPLES, dtype=np.int16)
SILENCE.setflags(write=False)

LOWEST_DBFS = -96.3
"""What `level_dbfs` gives for digital silence: half a step of 16 bit."""


def level_dbfs(pcm: Pcm) -> float:
    """Root mean square level relative to a full-scale square wave, in dB; `LOWEST_DBFS` for silence."""
    power = float(np.dot(pcm.astype(np.float32), pcm.astype(np.float32))) / max(len(pcm), 1)
    if power < 0.25:
        return LOWEST_DBFS
    return float(10.0 * np.log10(power / 32768.0**2))

"""Speech at the level that recognisers were trained with, however loud the peer talks."""

import numpy as np

from hullo.media.pcm import Pcm
from hullo.speech.listening.vad import CHUNK_SAMPLES

_WANTED_DBFS = -22.0
_MOST_DB = 30.0
_HIGHEST_PEAK = 0.9 * 32768
_LOUD_SHARE = 0.5
_INAUDIBLE = 4.0
"""Root mean square of what is no speech at all."""


def levelled(samples: Pcm) -> Pcm:
    """`samples` (16 kHz) with the louder half of it at -22 dBFS, at most 30 dB louder or softer, never clipped."""
    blocks = samples[: len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    if not len(blocks):
        return samples
    powers = np.sort(np.mean(np.square(blocks, dtype=np.float32), axis=1))
    level = float(np.sqrt(np.mean(powers[int(len(powers) * (1 - _LOUD_SHARE)) :])))
    if level < _INAUDIBLE:
        return samples
    wanted = 32768 * 10 ** (_WANTED_DBFS / 20) / level
    most = 10 ** (_MOST_DB / 20)
    peak = float(np.max(np.abs(samples.astype(np.int32))))
    gain = min(max(wanted, 1 / most), most, _HIGHEST_PEAK / peak)
    changed: Pcm = np.rint(samples * gain).astype(np.int16)
    return changed

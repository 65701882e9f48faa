"""How speech sounds after a call, by the field's own measures."""

import importlib
import importlib.util
from math import gcd

import numpy as np
from numpy.typing import NDArray
from pystoi import stoi  # type: ignore[import-untyped]
from scipy.signal import correlate, resample_poly

from hullo.media.pcm import SAMPLE_RATE, Pcm

_PESQ_RATE = 16_000
_STOI_RATE = 10_000
_SEGMENT = 1.0
_LONGEST_DELAY = 0.7

PESQ_MISSING = "no PESQ: pip install pesq (it needs a C compiler)"


def has_pesq() -> bool:
    """Whether the optional package `pesq` is installed."""
    return importlib.util.find_spec("pesq") is not None


def pesq_mos(said: Pcm, heard: Pcm) -> float:
    """Wideband PESQ (ITU-T P.862.2): 1.04 (bad) to 4.64. Both begin at the same time; it finds the delay itself."""
    pesq = importlib.import_module("pesq").pesq
    return float(pesq(_PESQ_RATE, _resampled(said, _PESQ_RATE), _resampled(heard, _PESQ_RATE), "wb"))


def intelligibility(said: Pcm, heard: Pcm) -> float:
    """STOI (Taal et al., 2011): the share of speech that is understood, by and large. 1 is perfect.

    It knows no delay, so each second of what was said is laid over where it was heard: a delay that changes
    costs nothing, in any subject.
    """
    reference, degraded = _resampled(said, _STOI_RATE), _resampled(heard, _STOI_RATE)
    size, reach = int(_SEGMENT * _STOI_RATE), int(_LONGEST_DELAY * _STOI_RATE)
    aligned = np.zeros_like(reference)
    for begin in range(0, len(reference) - size + 1, size):
        segment = reference[begin : begin + size]
        place = degraded[begin : begin + size + reach]
        if len(place) < size:
            break
        shift = int(np.argmax(correlate(place, segment, mode="valid", method="fft")))
        aligned[begin : begin + size] = place[shift : shift + size]
    return float(stoi(reference, aligned, _STOI_RATE))


def _resampled(pcm: Pcm, rate: int) -> NDArray[np.float64]:
    common = gcd(SAMPLE_RATE, rate)
    return np.asarray(resample_poly(pcm / 32768, rate // common, SAMPLE_RATE // common))

"""Short sounds that are found again to the sample after a codec and a network, and told apart from each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import SAMPLE_RATE, Pcm

CHIRP_SAMPLES = 720
"""15 ms."""

KINDS = ((600, 2200), (2200, 600), (1600, 3600), (3600, 1600))
"""Hz at the beginning and the end. They take turns, so that a chirp is known for longer than any delay."""

LONGEST_DELAY = 0.85
"""Seconds; the same kind comes again after no less."""

_INTERVAL = (0.22, 0.30)
_AMPLITUDE = 12_000
_NOISE = 8.0
"""Standard deviation of the room's noise: no encoder is to see digital silence."""

_FOUND = 0.55


@dataclass(frozen=True)
class ChirpTrack:
    """A track of sound, and the samples at which the chirps in it have their middle, in order."""

    pcm: Pcm
    middles: NDArray[np.int64]


@dataclass(frozen=True)
class FoundChirp:
    """A chirp that was heard: the sample of its middle, and its kind."""

    middle: int
    kind: int


def chirp_track(seed: int, seconds: float) -> ChirpTrack:
    """A track with a chirp every 220 to 300 ms, at random places within the frames. Chirp i is of kind i % 4."""
    random = np.random.default_rng(seed)
    sound = random.normal(0, _NOISE, round(seconds * SAMPLE_RATE))
    middles: list[int] = []
    middle = SAMPLE_RATE // 5
    while middle + CHIRP_SAMPLES < len(sound):
        begin = middle - CHIRP_SAMPLES // 2
        sound[begin : begin + CHIRP_SAMPLES] += _AMPLITUDE * _chirp(len(middles) % len(KINDS)).real
        middles.append(middle)
        middle += round(random.uniform(*_INTERVAL) * SAMPLE_RATE)
    return ChirpTrack(np.clip(sound, -32768, 32767).astype(np.int16), np.array(middles, dtype=np.int64))


def find_chirps(pcm: Pcm) -> list[FoundChirp]:
    """All chirps in `pcm`, in order, by matched filters of which the best one names the kind."""
    from scipy.signal import find_peaks  # takes a second to import, which the ends of calls need not spend

    if len(pcm) < CHIRP_SAMPLES:
        return []
    sound = pcm.astype(np.float64)
    energy = np.convolve(sound**2, np.ones(CHIRP_SAMPLES), mode="same")
    loud = np.sqrt(np.maximum(energy, CHIRP_SAMPLES * (_AMPLITUDE / 50) ** 2))
    matches = np.stack([_match(sound, kind) / loud for kind in range(len(KINDS))])
    best = matches.max(axis=0)
    peaks, _ = find_peaks(best, height=_FOUND, distance=SAMPLE_RATE // 10)
    return [FoundChirp(int(peak), int(matches[:, peak].argmax())) for peak in peaks]


def _match(sound: NDArray[np.float64], kind: int) -> NDArray[np.float64]:
    from scipy.signal import fftconvolve

    chirp = _chirp(kind)
    # Of a chirp in the sound, half the energy meets the real part of the filter, so 1 is a perfect match.
    scale = np.sqrt(2 / np.sum(np.abs(chirp) ** 2))
    return np.asarray(np.abs(fftconvolve(sound, np.conj(chirp[::-1]), mode="same")) * scale)


def _chirp(kind: int) -> NDArray[np.complex128]:
    low, high = KINDS[kind]
    at = np.arange(CHIRP_SAMPLES) / SAMPLE_RATE
    duration = CHIRP_SAMPLES / SAMPLE_RATE
    phase = 2 * np.pi * (low * at + (high - low) * at**2 / (2 * duration))
    return np.asarray(np.hanning(CHIRP_SAMPLES) * np.exp(1j * phase))

"""Shorter and longer speech of the same pitch: a period is taken out or said twice, and the seam cross-faded.

The method is waveform-similarity overlap-add (Verhelst and Roelands, 1993): of the places where the sound could
go on, the one that looks most like what would have come is chosen, which in voiced speech is whole pitch periods away.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import Pcm

OVERLAP: Final = 384
"""Samples compared and cross-faded at a seam, 8 ms."""

SHORTEST_PERIOD: Final = 120
"""Samples in 2.5 ms: nothing shorter is worth a seam."""

_COARSE: Final = 4
"""The search first looks at every fourth sample, then around the best place at each."""

_MEAN: Final[NDArray[np.float32]] = np.full(_COARSE, 1 / _COARSE, dtype=np.float32)
_RISE: Final[NDArray[np.float32]] = (0.5 - 0.5 * np.cos(np.pi * (np.arange(OVERLAP) + 0.5) / OVERLAP)).astype(
    np.float32
)


def shorten(pcm: Pcm, shortest: int, longest: int, similarity: float) -> Pcm | None:
    """`pcm` without `shortest` to `longest` of its samples near the start, or None where nothing is alike enough.

    `pcm` has at least `longest + OVERLAP` samples; `similarity` is the least normalised correlation, -1 to 1.
    """
    start = pcm[: longest + OVERLAP].astype(np.float32)
    found, place = most_alike(start[:OVERLAP], start[shortest:])
    if found < similarity:
        return None
    period = shortest + place
    seam = _cross_fade(start[:OVERLAP], start[period : period + OVERLAP])
    return np.concatenate([seam, pcm[period + OVERLAP :]])


def lengthen(history: Pcm, pcm: Pcm, shortest: int, longest: int, similarity: float) -> Pcm | None:
    """`pcm` after a repetition of the last `shortest` to `longest` samples of `history`, or None as in `shorten`.

    `history` was heard just before `pcm` and has at least `longest` samples, `pcm` at least `OVERLAP`.
    """
    before = len(history)
    known = np.concatenate([history, pcm])
    start = pcm[:OVERLAP].astype(np.float32)
    found, place = most_alike(start, known[before - longest : before - shortest + OVERLAP].astype(np.float32))
    if found < similarity:
        return None
    again = before - longest + place
    seam = _cross_fade(start, known[again : again + OVERLAP].astype(np.float32))
    return np.concatenate([seam, known[again + OVERLAP :]])


def cross_fade(fading: Pcm, rising: Pcm) -> Pcm:
    """The first sound going over into the second; both of one length."""
    rise = np.linspace(0.0, 1.0, len(rising), dtype=np.float32)
    return np.rint(fading * (1 - rise) + rising * rise).astype(np.int16)


def _cross_fade(fading: NDArray[np.float32], rising: NDArray[np.float32]) -> Pcm:
    return np.rint(fading + (rising - fading) * _RISE).astype(np.int16)


def most_alike(template: NDArray[np.float32], field: NDArray[np.float32]) -> tuple[float, int]:
    """Where in `field` the `template` fits best, and the normalised correlation there."""
    width = len(field) // _COARSE * _COARSE
    coarse_field = field[:width].reshape(-1, _COARSE) @ _MEAN
    coarse_template = template.reshape(-1, _COARSE) @ _MEAN
    _, place = _best(coarse_template, coarse_field)
    first = max(place * _COARSE - _COARSE, 0)
    found, fine = _best(template, field[first : first + 2 * _COARSE + len(template)])
    return found, first + fine


def _best(template: NDArray[np.float32], field: NDArray[np.float32]) -> tuple[float, int]:
    products = np.correlate(field, template, "valid")
    sums = np.zeros(len(field) + 1)
    (field * field).cumsum(dtype=np.float64, out=sums[1:])
    energies = sums[len(template) :] - sums[: -len(template)]
    scores = products / np.sqrt((energies + 1.0) * (float(template @ template) + 1.0))
    place = int(scores.argmax())
    return float(scores[place]), place

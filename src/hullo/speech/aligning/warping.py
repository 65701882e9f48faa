"""Dynamic time warping: which moment of one recording is which of another of the same words. Pure.

After Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition" (1978), with steps that
advance by one frame of the sound, so that a whole row is computed at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hullo.speech.aligning.spectrum import Floats

_STEP_COSTS = np.array([0.15, 0.0, 0.15])
"""Of staying where the reference is, going on by one of its frames, and by two."""
_SLOWEST = 3
"""Times as long as the reference: speech is never so slow, and a hum would be one long vowel."""
_MOST_CELLS = 25_000_000


@dataclass(frozen=True)
class Warp:
    """`path` has for each frame of the sound that of the reference; `cost` is 1 for sounds that have nothing in common.

    Recordings of the same words have 0.54 to 0.70, of different ones mostly more than 0.74, noise more than 0.82.
    """

    path: NDArray[np.intp]
    cost: float

    def time_of(self, frame: float) -> int:
        """The frame of the sound at which a frame of the reference begins."""
        first = int(np.searchsorted(self.path, frame))
        last_before = int(np.searchsorted(self.path, frame - 1, side="right"))
        return min((first + last_before) // 2, len(self.path) - 1)


def warp(sound: Floats, reference: Floats, *, complete: bool) -> Warp | None:
    """The cheapest path through all of `sound` and `reference` (rows of features), or to anywhere in the reference
    when the sound is not complete. None when the sound is more than three times as long or less than half, and when
    both are too long to compare."""
    if len(sound) * len(reference) > _MOST_CELLS:
        return None
    distances = _distances(sound, reference)
    back, totals = _steps(distances)
    end = len(reference) - 1 if complete else int(np.argmin(totals))
    if not np.isfinite(totals[end]) or len(sound) > _SLOWEST * (end + 1):
        return None
    path = np.empty(len(sound), dtype=np.intp)
    for row in range(len(sound) - 1, -1, -1):
        path[row] = end
        end -= int(back[row, end])
    return Warp(path, float(totals[path[-1]] / len(sound) / distances.mean()))


def _distances(sound: Floats, reference: Floats) -> Floats:
    squares = (sound**2).sum(axis=1)[:, None] + (reference**2).sum(axis=1) - 2 * sound @ reference.T
    distances: Floats = np.sqrt(np.maximum(squares, 0) / sound.shape[1])
    return distances


def _steps(distances: Floats) -> tuple[NDArray[np.int8], Floats]:
    """How far the reference had advanced on the best way to each cell, and what the ways cost to the last row."""
    rows, columns = distances.shape
    back = np.zeros((rows, columns), dtype=np.int8)
    totals = np.full(columns + 2, np.inf)  # two in front, from where nothing comes
    totals[2] = distances[0, 0]
    for row in range(1, rows):
        stay, one, two = totals[2:] + _STEP_COSTS[0], totals[1:-1] + _STEP_COSTS[1], totals[:-2] + _STEP_COSTS[2]
        best = np.minimum(np.minimum(stay, one), two)
        back[row] = np.where(best == one, 1, np.where(best == two, 2, 0))
        totals[2:] = best + distances[row]
    return back, totals[2:]

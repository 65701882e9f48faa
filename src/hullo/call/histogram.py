"""How the times of many turns are spread, in a few numbers."""

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

BOUNDS_MS = (50, 100, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 5000)


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """`counts[i]` values were at most `bounds_ms[i]` and above the bound before; the last count has none above it."""

    count: int
    p50_ms: int
    p95_ms: int
    max_ms: int
    bounds_ms: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: Sequence[int]) -> "Histogram":
        """That of at least one value, in ms. Raises `ValueError` when there is none."""
        if not values:
            raise ValueError("a histogram of nothing")
        ordered = sorted(values)
        counts = [0] * (len(BOUNDS_MS) + 1)
        for value in ordered:
            counts[bisect_left(BOUNDS_MS, value)] += 1
        return cls(
            count=len(ordered),
            p50_ms=_quantile(ordered, 0.5),
            p95_ms=_quantile(ordered, 0.95),
            max_ms=ordered[-1],
            bounds_ms=BOUNDS_MS,
            counts=tuple(counts),
        )


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

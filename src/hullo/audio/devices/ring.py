"""The samples between a thread of the sound system and the media tick."""

import threading

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm


class SampleRing:
    """A bounded queue of samples, written by one thread and read by another. Full: the oldest go.

    It also measures for `ClockMatcher`. `slack` is how much sound the reader had left when it had taken its share,
    in seconds, with what the writer has in hand but not yet written: unlike the samples that wait, that does not jump
    when two clocks of blocks slip past each other. `gap` is the longest time between two writes.
    """

    def __init__(self, capacity: int) -> None:
        self._samples = np.zeros(capacity, dtype=np.int16)
        self._lock = threading.Lock()
        self._written = 0
        self._read = 0
        self._written_at: float | None = None
        self._slack: float | None = None
        self._gap: float | None = None

    def __len__(self) -> int:
        return self._written - self._read

    def write(self, samples: Pcm, now: float) -> None:
        """Add samples, no more than fit an empty ring."""
        with self._lock:
            if self._written_at is not None:
                self._gap = max(self._gap or 0.0, now - self._written_at)
            self._written_at = now
            too_many = len(self) + len(samples) - len(self._samples)
            if too_many > 0:
                self._read += too_many
            start = self._written % len(self._samples)
            first = samples[: len(self._samples) - start]
            self._samples[start : start + len(first)] = first
            self._samples[: len(samples) - len(first)] = samples[len(first) :]
            self._written += len(samples)

    def read(self, count: int, now: float) -> Pcm:
        """Take `count` samples, or as many as there are."""
        with self._lock:
            count = min(count, len(self))
            start = self._read % len(self._samples)
            end = self._samples[start : start + count]
            taken = np.concatenate([end, self._samples[: count - len(end)]])
            self._read += count
            slack = self._slack_at(now)
            self._slack = slack if self._slack is None else min(self._slack, slack)
            return taken

    def drop(self, count: int) -> None:
        """Forget the oldest `count` samples."""
        with self._lock:
            self._read += min(count, len(self))

    def clear(self) -> None:
        """Forget all, also when it was last written to."""
        with self._lock:
            self._read = self._written
            self._written_at = self._slack = self._gap = None

    def slack(self, now: float) -> float:
        """How much sound there is at `now`, in seconds: see the class."""
        with self._lock:
            return self._slack_at(now)

    def measured(self) -> tuple[float | None, float | None]:
        """The least slack and the longest gap since the last question; None where nothing was read or written."""
        with self._lock:
            found = self._slack, self._gap
            self._slack = self._gap = None
            return found

    def _slack_at(self, now: float) -> float:
        in_hand = 0.0 if self._written_at is None else now - self._written_at
        return len(self) / SAMPLE_RATE + in_hand

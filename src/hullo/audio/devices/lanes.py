"""The way of the sound between a sound card and the media tick, whose clocks are not the same. Pure: times come in."""

import msgspec
import numpy as np

from hullo.audio.devices.clock_matcher import WINDOW_SECONDS, ClockMatcher
from hullo.audio.devices.resampler import Resampler
from hullo.audio.devices.ring import SampleRing
from hullo.media.pcm import FRAME_SAMPLES, LOWEST_DBFS, SAMPLE_RATE, Pcm, level_dbfs

_RING_SAMPLES = SAMPLE_RATE // 2
_MOST_SURPLUS = 0.04
"""Seconds above the target that are given back by speed; more is dropped at once."""

_PAUSE_SECONDS = 0.1


class LaneStats(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a lane. Overflows and underflows count how often, not how much."""

    delay_ms: float = 0.0
    drift_ppm: float = 0.0
    overflows: int = 0
    underflows: int = 0


class _Lane:
    """A ring, and the resampling that keeps it as full as it should be."""

    def __init__(self, usual_gap: float) -> None:
        self._ring = SampleRing(_RING_SAMPLES)
        self._usual_gap = usual_gap
        self._matcher = ClockMatcher(usual_gap)
        self._resampler = Resampler()
        self._flowing = False
        self._window_ends = 0.0
        self._slack = 0.0
        self._overflows = 0
        self._underflows = 0
        self.level_dbfs = LOWEST_DBFS
        """Of the last frame."""

    def reset(self) -> None:
        """Another device: forget the sound and the clock of the last one."""
        self._ring.clear()
        self._matcher = ClockMatcher(self._usual_gap)
        self._flowing = False

    def stats(self) -> LaneStats:
        """The figures so far."""
        return LaneStats(
            delay_ms=round(1000 * self._slack, 1),
            drift_ppm=round(self._matcher.drift_ppm, 1),
            overflows=self._overflows,
            underflows=self._underflows,
        )

    def _enough(self, count: int, now: float) -> bool:
        """Whether to take `count` samples. It begins, also after an underflow, with exactly as much as is needed."""
        if not self._flowing and len(self._ring):
            surplus = self._ring.slack(now) - count / SAMPLE_RATE - self._matcher.target
            if surplus >= 0:
                self._ring.drop(round(surplus * SAMPLE_RATE))
                self._flowing = True
        return self._flowing

    def _ran_out(self) -> None:
        self._flowing = False
        self._underflows += 1

    def _regulate(self, now: float) -> None:
        """Once in a window: look at the slack, set the speed, drop what is far too much."""
        if now < self._window_ends:
            return
        self._window_ends = now + WINDOW_SECONDS
        slack, gap = self._ring.measured()
        if slack is None or gap is None or not self._flowing:
            return
        self._slack = slack
        surplus = slack - self._matcher.target
        if surplus > _MOST_SURPLUS:
            self._ring.drop(round(surplus * SAMPLE_RATE))
            self._overflows += 1
        else:
            self._matcher.update(slack, gap)


class CaptureLane(_Lane):
    """From a microphone, written by its thread, to the media tick."""

    def __init__(self, usual_gap: float) -> None:
        super().__init__(usual_gap)
        self._taken_at = 0.0

    def write(self, samples: Pcm, now: float) -> None:
        """What the card heard. Only copies."""
        self._ring.write(samples[-_RING_SAMPLES:], now)

    def everything(self, now: float) -> Pcm:
        """Every sample since the last time: for whoever records, and follows no clock but the card's."""
        self._taken_at, self._flowing = now, False
        samples = self._ring.read(len(self._ring), now)
        self.level_dbfs = level_dbfs(samples) if len(samples) else LOWEST_DBFS
        return samples

    def frame(self, now: float) -> Pcm | None:
        """The next 20 ms, or None while the microphone has given nothing."""
        if now - self._taken_at > _PAUSE_SECONDS:  # somebody else spoke meanwhile: what was heard then is old
            self._flowing = False
        self._taken_at = now
        if not self._enough(FRAME_SAMPLES, now):
            self.level_dbfs = LOWEST_DBFS
            return None
        self._regulate(now)
        speed = self._matcher.speed
        needed = self._resampler.needed(FRAME_SAMPLES, speed)
        samples = self._ring.read(needed, now)
        if len(samples) < needed:
            self._ran_out()
            samples = np.pad(samples, (0, needed - len(samples)))
        self._resampler.feed(samples)
        frame = self._resampler.give(FRAME_SAMPLES, speed)
        self.level_dbfs = level_dbfs(frame)
        return frame


class PlaybackLane(_Lane):
    """From the media tick to a speaker, read by its thread."""

    def write(self, frame: Pcm, now: float) -> None:
        """Play these 20 ms."""
        self._regulate(now)
        self._ring.write(self._resampler.convert(frame, self._matcher.speed), now)
        self.level_dbfs = level_dbfs(frame)

    def read(self, count: int, now: float) -> Pcm:
        """What the card shall play now: silence while there is nothing. Only copies."""
        if not self._enough(count, now):
            return np.zeros(count, dtype=np.int16)
        samples = self._ring.read(count, now)
        if len(samples) < count:
            self._ran_out()
            samples = np.pad(samples, (0, count - len(samples)))
        return samples

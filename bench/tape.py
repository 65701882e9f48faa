"""What one end of a call said and heard, and when; two tapes give the mouth-to-ear delay."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.chirps import LONGEST_DELAY, ChirpTrack, find_chirps
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm

_STEADY = 50
"""Frames before and after, in which a talker's capture clock is taken from the most punctual frame."""


@dataclass
class Tape:
    """Times are monotonic, in seconds, one for each frame of `frame_samples`, 20 ms unless said otherwise.

    `said_at`: the frame was handed to the sender. `heard_at`: the frame was handed to the listener, who takes one
    at a time like a sound card. `ready_at`: the same for a listener who takes them as fast as they come.
    """

    said_at: list[float] = field(default_factory=list)
    heard: list[Pcm] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)
    ready_at: list[float] = field(default_factory=list)
    connected_at: float = 0.0
    trouble_at: float = 0.0
    frame_samples: int = FRAME_SAMPLES

    def save(self, path: Path) -> None:
        """Write it to a file."""
        np.savez(
            path,
            said_at=self.said_at,
            heard=np.concatenate([*self.heard, np.zeros(0, dtype=np.int16)]),
            heard_at=self.heard_at,
            ready_at=self.ready_at,
            connected_at=self.connected_at,
            trouble_at=self.trouble_at,
            frame_samples=self.frame_samples,
        )


@dataclass(frozen=True)
class Delay:
    """The delay of one chirp, and when it was said."""

    said_at: float
    seconds: float


@dataclass(frozen=True)
class PlayedTape:
    """A tape that was read back."""

    said_at: NDArray[np.float64]
    heard: Pcm
    heard_at: NDArray[np.float64]
    ready_at: NDArray[np.float64]
    connected_at: float
    trouble_at: float
    frame_samples: int = FRAME_SAMPLES

    @classmethod
    def load(cls, path: Path) -> "PlayedTape":
        """Read a file of `Tape.save`."""
        with np.load(path) as file:
            return cls(
                said_at=file["said_at"],
                heard=file["heard"],
                heard_at=file["heard_at"],
                ready_at=file["ready_at"],
                connected_at=float(file["connected_at"]),
                trouble_at=float(file["trouble_at"]),
                frame_samples=int(file["frame_samples"]),
            )

    def capture_time(self, sample: int) -> float | None:
        """When the microphone took `sample`: the frame that it is in is complete, and handed over, only at its end.

        A microphone's clock is steady, so a frame that the talker fetches late was captured no later.
        """
        frame = sample // self.frame_samples
        if frame >= len(self.said_at):
            return None
        first = max(frame - _STEADY, 0)
        near = self.said_at[first : frame + _STEADY]
        began = float(np.min(near - self.frame_samples / SAMPLE_RATE * (np.arange(first, first + len(near)) + 1)))
        return began + sample / SAMPLE_RATE


def delays(
    talker: PlayedTape, track: ChirpTrack, listener: PlayedTape, handed_over: NDArray[np.float64]
) -> list[Delay]:
    """Mouth-to-ear delays: from the capture of a chirp's middle to the hand-over of the frame that contains it.

    `handed_over` is `heard_at` or `ready_at` of the listener. Chirps that were not heard have none.
    """
    times = [talker.capture_time(int(middle)) for middle in track.middles]
    captured = [(time, kind) for time, kind in zip(times, _kinds(track), strict=True) if time is not None]
    found = []
    for chirp in find_chirps(listener.heard):
        frame = chirp.middle // listener.frame_samples
        if frame >= len(handed_over) or np.isnan(handed_over[frame]):
            continue
        at = float(handed_over[frame])
        said = [time for time, kind in captured if kind == chirp.kind and 0 < at - time < LONGEST_DELAY]
        found += [Delay(time, at - time) for time in said[-1:]]
    return found


def _kinds(track: ChirpTrack) -> list[int]:
    return [index % 4 for index in range(len(track.middles))]

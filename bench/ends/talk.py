"""What an end of a measured call is told to do, whoever implements the call."""

import time
from dataclasses import dataclass

import numpy as np

from bench.chirps import ChirpTrack, chirp_track
from bench.ends import fault
from hullo.media.pcm import FRAME_SAMPLES, SILENCE, Pcm


@dataclass(frozen=True)
class Plan:
    """One end of one call: `role` is `answer` or `offer`, and who offers calls `url`.

    It says the chirps of `seed` for `seconds`; its clock of 20 ms has `phase`. `lose_at` and `stall_at` are seconds
    after the connection at which a packet of its sound is lost, or its program stalls. `tape` is the file to write.
    """

    role: str
    seed: int
    seconds: float
    phase: float
    tape: str
    url: str = ""
    lose_at: float | None = None
    stall_at: float | None = None

    def track(self) -> ChirpTrack:
        """What this end says; longer than the call, which takes a moment to begin."""
        return chirp_track(self.seed, self.seconds + 5)


class Trouble:
    """Makes the trouble of a plan when its time has come."""

    def __init__(self, plan: Plan) -> None:
        self.happened_at = 0.0
        self._plan = plan

    def due(self, since_connected: float) -> None:
        """Call it once in 20 ms, where the frame is handed to the listener."""
        if self.happened_at:
            return
        if self._plan.lose_at is not None and since_connected >= self._plan.lose_at:
            self.happened_at = time.monotonic()
            fault.lose_one_rtp_packet()
        elif self._plan.stall_at is not None and since_connected >= self._plan.stall_at:
            self.happened_at = time.monotonic()
            fault.stall()


def frame(pcm: Pcm, index: int) -> Pcm:
    """Frame `index` of a track; silence after its end."""
    cut = pcm[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
    return cut if len(cut) == FRAME_SAMPLES else SILENCE


def mono(sound: np.ndarray) -> Pcm:
    """The left channel of interleaved stereo."""
    return np.ascontiguousarray(sound.reshape(-1)[::2])

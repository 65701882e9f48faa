"""How long from a real microphone to a real speaker, beside Chromium on the same devices of the same sound server."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.child import START_SECONDS, child
from bench.chirps import LONGEST_DELAY, ChirpTrack, chirp_track, find_chirps
from bench.effort import Effort
from bench.ends.chromium_devices import calling, chromium_with_sound
from bench.result import OURS, Result, Target, median, quantile
from hullo.media.pcm import SAMPLE_RATE, Pcm
from tests.peers.pulse import PulseAudio, pulseaudio

QUESTION = "Microphone to speaker: from the sound server's microphone through a call to its speaker"

_WARM_UP = 2.0
"""Seconds of each call that do not count."""

_PROGRAMS = ("pulseaudio", "pactl", "pacat", "parec")


class PulseAudioMissing(RuntimeError):
    """There is no PulseAudio on this machine."""


@dataclass
class Heard:
    """What was found of one subject: delays in seconds, and how many chirps were said."""

    delays: list[float] = field(default_factory=list)
    said: int = 0
    underflows: int = 0

    def figures(self) -> dict[str, float]:
        """Under the names of the result."""
        return {
            "mouth_to_ear_ms": 1000 * median(self.delays),
            "mouth_to_ear_p95_ms": 1000 * quantile(self.delays, 0.95),
            "mouth_to_ear_n": len(self.delays),
            "lost_share": 1 - len(self.delays) / self.said,
        }


async def run(effort: Effort) -> Result:
    """Measure both subjects in turns. Raises `PulseAudioMissing`, `ChromiumMissing`."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise PulseAudioMissing(f"{missing[0]} is missing; on Debian: apt-get install pulseaudio pulseaudio-utils")
    calls, seconds = (10, 12.0) if effort.is_full else (2, 6.0)
    found = {OURS: Heard(), "chromium": Heard()}
    with tempfile.TemporaryDirectory(prefix="hullo-") as directory:
        async with pulseaudio(Path(directory)) as pulse, chromium_with_sound(pulse.address) as browser:
            os.environ["PULSE_SERVER"] = pulse.address
            await pulse.add_card()
            for number in range(calls):
                track = chirp_track(number, seconds)
                await _measure(found[OURS], pulse, track, lambda: _our_call(seconds + 3, found[OURS]))
                await _measure(found["chromium"], pulse, track, lambda: calling(browser, seconds + 3))
    measured = {subject: heard.figures() for subject, heard in found.items()}
    measured[OURS]["underflows"] = found[OURS].underflows
    return Result(
        name="devices",
        question=QUESTION,
        measured=measured,
        ratios={"ours/chromium": measured[OURS]["mouth_to_ear_ms"] / measured["chromium"]["mouth_to_ear_ms"]},
        targets=[Target("ours/chromium", most=1.0)],
        conditions={
            "calls": f"{calls} calls of {seconds:g} s with each subject in turns, one direction",
            "devices": "one virtual card of PulseAudio whose left channel the microphone hears and whose right one the "
            "speaker plays; a recording of both is the clock",
            "ends": "ours: two processes, buffers of 10 ms; Chromium: two peer connections in one page; neither "
            "processes the sound",
        },
    )


async def _measure(
    found: Heard, pulse: PulseAudio, track: ChirpTrack, calling: Callable[[], AbstractAsyncContextManager[None]]
) -> None:
    async with calling(), pulse.recording("card", channels=2) as recording:
        await pulse.say("mic", track.pcm)
        await asyncio.sleep(LONGEST_DELAY)
        both = recording.since(0.0).reshape(-1, 2)
    said, delays = chirp_delays(both[:, 0], both[:, 1])
    found.said += said
    found.delays += delays


def chirp_delays(mouth: Pcm, ear: Pcm) -> tuple[int, list[float]]:
    """How many chirps were said after the warm-up, and the delays in seconds of those that were heard."""
    said = [chirp for chirp in find_chirps(mouth) if chirp.middle > _WARM_UP * SAMPLE_RATE]
    heard = find_chirps(ear)
    delays = []
    for chirp in said:
        lags = [(one.middle - chirp.middle) / SAMPLE_RATE for one in heard if one.kind == chirp.kind]
        near = [lag for lag in lags if 0 < lag < LONGEST_DELAY]
        delays += near[:1]
    return len(said), delays


@asynccontextmanager
async def _our_call(seconds: float, found: Heard) -> AsyncIterator[None]:
    async with child("handset_end", {"role": "answer", "seconds": seconds}) as answerer:
        url = (await answerer.hear())["url"]
        async with child("handset_end", {"role": "offer", "seconds": seconds, "url": url}) as offerer:
            await asyncio.gather(offerer.hear(), answerer.hear())
            yield
            for end in await asyncio.gather(*(one.hear(START_SECONDS + seconds) for one in (offerer, answerer))):
                found.underflows += end["underflows"]

"""Sound between us and NTgCalls beside that between two of NTgCalls: how late it is, and what it costs."""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.chirps import ChirpTrack, chirp_track
from bench.effort import Effort
from bench.ends.talk import frame
from bench.ends.usage import usage
from bench.latency import WARM_UP
from bench.material import speech, speech_frames
from bench.result import OURS, Result, Target, median, quantile
from bench.tape import PlayedTape, Tape, delays
from bench.telegram import check_installed
from hullo.media.pcm import Pcm
from tests.lines.telegram.memory_telegram import MemoryTelegram
from tests.peers.telegram.calls import THEM, US, both, call
from tests.peers.telegram.ntgcalls_peer import ntgcalls_peer

QUESTION = "Telegram calls with NTgCalls 3.0.5: mouth to ear, and processor time of an end of a call"

_VERSION = "9.0.0"
NTGCALLS = "ntgcalls"
_TO_IT, _FROM_IT, _ITSELF = (OURS, NTGCALLS), (NTGCALLS, OURS), (NTGCALLS, NTGCALLS)


@dataclass(frozen=True)
class Size:
    """Calls of each kind, and seconds of each."""

    calls: int
    seconds: float


FULL = Size(calls=12, seconds=12.0)
QUICK = Size(calls=1, seconds=5.0)


class Found:
    """What was found of all calls so far: delays in seconds by who said and who heard, costs in seconds per second."""

    def __init__(self) -> None:
        self.delays: dict[tuple[str, str], list[float]] = {_TO_IT: [], _FROM_IT: [], _ITSELF: []}
        self.cpu: dict[str, list[float]] = {OURS: [], NTGCALLS: []}

    def figures(self) -> dict[str, dict[str, float]]:
        """By subject; what compares with both directions of ours is NTgCalls to NTgCalls."""
        to_it, from_it, itself = (self._direction(each) for each in (_TO_IT, _FROM_IT, _ITSELF))
        cost = {end: {"cpu_s_per_s": median(found)} for end, found in self.cpu.items()}
        return {
            OURS: _named("to_ntgcalls", to_it) | _named("from_ntgcalls", from_it) | cost[OURS],
            NTGCALLS: _named("to_ntgcalls", itself) | _named("from_ntgcalls", itself) | cost[NTGCALLS],
        }

    def _direction(self, direction: tuple[str, str]) -> dict[str, float]:
        found = self.delays[direction]
        return {"ms": 1000 * median(found), "p95_ms": 1000 * quantile(found, 0.95), "n": len(found)}


def _named(direction: str, figures: Mapping[str, float]) -> dict[str, float]:
    return {f"mouth_to_ear_{direction}_{name}": value for name, value in figures.items()}


class End:
    """Our end of a call: says a track, and keeps a tape."""

    def __init__(self, track: ChirpTrack) -> None:
        self.tape = Tape()
        self._pcm = track.pcm

    def say(self, now: float) -> Pcm:
        """Its mouth."""
        self.tape.said_at.append(time.monotonic())
        return frame(self._pcm, len(self.tape.said_at) - 1)

    def hear(self, pcm: Pcm, now: float) -> None:
        """Its ear."""
        self.tape.heard.append(pcm.copy())
        self.tape.heard_at.append(time.monotonic())


async def run(effort: Effort) -> Result:
    """Measure all kinds of calls in turns, so that whatever else the machine does meets all of them alike."""
    check_installed()
    size = FULL if effort.is_full else QUICK
    found = Found()
    with tempfile.TemporaryDirectory() as directory:
        for index in range(size.calls):
            await _delays_with_us(found, index, size.seconds, Path(directory))
            await _delays_between_ntgcalls(found, index, size.seconds, Path(directory))
            await _cost(found, index, size.seconds, Path(directory))
    measured = found.figures()
    compared = ("mouth_to_ear_to_ntgcalls_ms", "mouth_to_ear_from_ntgcalls_ms", "cpu_s_per_s")
    ratios = {f"{OURS}/{NTGCALLS}_{name}": measured[OURS][name] / measured[NTGCALLS][name] for name in compared}
    return Result(
        name="telegram_media",
        question=QUESTION,
        measured=measured,
        ratios=ratios,
        targets=[Target(name, most=1.0) for name in ratios],
        conditions={
            "ntgcalls": "of delays, between two of NTgCalls",
            "calls": f"{size.calls} of {size.seconds:g} s of each kind in turns, version {_VERSION}, a process an end",
            "mouth to ear": "from the capture of a sample to the hand-over of the listener's frame that contains it; "
            "frames are those of the library: 20 ms ours, 10 ms NTgCalls'",
            "processor": "the whole process of each end of the same call, speech both ways, which NTgCalls "
            "reads from a file by itself and we are given by a mouth; both hand what they hear to Python",
        },
    )


async def _delays_with_us(found: Found, index: int, seconds: float, directory: Path) -> None:
    ours, theirs = _track(2 * index, seconds), _track(2 * index + 1, seconds)
    end = End(ours)
    sound, their_tape, our_tape = _sound(directory, theirs.pcm), directory / "theirs.npz", directory / "ours.npz"
    async with (
        both(MemoryTelegram(), _VERSION, sound) as (us, them),
        call(us, them, we_call=index % 2 == 0) as leg,
    ):
        leg.open(end.hear, end.say)
        await them.connected()
        begin = time.monotonic() + WARM_UP
        await asyncio.sleep(WARM_UP + seconds)
        await them.save_tape(their_tape)
        end.tape.save(our_tape)
    said, heard = PlayedTape.load(our_tape), PlayedTape.load(their_tape)
    found.delays[_TO_IT] += _since(begin, said, ours, heard)
    found.delays[_FROM_IT] += _since(begin, heard, theirs, said)


async def _delays_between_ntgcalls(found: Found, index: int, seconds: float, directory: Path) -> None:
    tracks = [_track(1000 + 2 * index + side, seconds) for side in (0, 1)]
    paths = [directory / f"side{side}.npz" for side in (0, 1)]
    sounds = [_sound(directory, track.pcm) for track in tracks]
    server = MemoryTelegram()
    caller, callee = server.account(US, "caller"), server.account(THEM, "callee")
    async with (
        ntgcalls_peer(caller, (_VERSION,), sounds[0]) as one,
        ntgcalls_peer(callee, (_VERSION,), sounds[1]) as other,
    ):
        await one.call(callee.user)
        await asyncio.gather(one.connected(), other.connected())
        begin = time.monotonic() + WARM_UP
        await asyncio.sleep(WARM_UP + seconds)
        await asyncio.gather(one.save_tape(paths[0]), other.save_tape(paths[1]))
    tapes = [PlayedTape.load(path) for path in paths]
    for talker, listener in ((0, 1), (1, 0)):
        found.delays[_ITSELF] += _since(begin, tapes[talker], tracks[talker], tapes[listener])


async def _cost(found: Found, index: int, seconds: float, directory: Path) -> None:
    """Processor time of both ends of one call, of which this process is ours."""
    said = itertools.cycle(speech_frames())
    async with (
        both(MemoryTelegram(), _VERSION, _sound(directory, speech()), native=True) as (us, them),
        call(us, them, we_call=index % 2 == 0) as leg,
    ):
        leg.open(lambda pcm, now: None, lambda now: next(said))
        await them.connected()
        await asyncio.sleep(WARM_UP)
        before = {OURS: usage(), NTGCALLS: await them.usage()}
        await asyncio.sleep(seconds)
        after = {OURS: usage(), NTGCALLS: await them.usage()}
    for end, used in after.items():
        elapsed = used["at"] - before[end]["at"]
        found.cpu[end].append((used["cpu_s"] - before[end]["cpu_s"]) / elapsed)


def _track(seed: int, seconds: float) -> ChirpTrack:
    return chirp_track(seed, WARM_UP + seconds + 5)


def _sound(directory: Path, pcm: Pcm) -> Path:
    """A file for NTgCalls to say."""
    path = Path(tempfile.mkstemp(suffix=".s16", dir=directory)[1])
    pcm.tofile(path)
    return path


def _since(begin: float, talker: PlayedTape, track: ChirpTrack, listener: PlayedTape) -> list[float]:
    found = delays(talker, track, listener, listener.heard_at)
    return [delay.seconds for delay in found if delay.said_at >= begin]

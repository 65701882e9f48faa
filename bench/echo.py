"""What is left of an echo, and of the voice that talks into it. In virtual time, without devices."""

import importlib
import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pystoi import stoi  # type: ignore[import-untyped]
from scipy.signal import correlate, resample_poly

from bench.effort import Effort
from bench.result import OURS, Result, Target
from bench.room import ROOMS, Conversation, Room, conversation
from hullo.audio.processing import Processing, ProcessingSettings
from hullo.media.apm import Apm
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm

QUESTION = "A loudspeaker 6 dB below its input in the microphone, both people talking: what is left of either"

_STOI_RATE = 10_000
_LATEST = SAMPLE_RATE // 20
"""Samples that an output may be late."""
_PYAEC_BLOCK = FRAME_SAMPLES // 2
_PYAEC_MISSING = "no pyaec: pip install pyaec"


class Subject(Protocol):
    """What takes echoes away."""

    def render(self, pcm: Pcm) -> None: ...
    def capture(self, pcm: Pcm) -> Pcm: ...


class Libwebrtc:
    """Its canceller, noise suppression and high-pass by themselves, told the true delay."""

    def __init__(self, delay: float) -> None:
        self._apm = Apm(echo_cancellation=True, noise_suppression=True, high_pass=True)
        self._apm.set_delay(delay)
        self.render = self._apm.render
        self.capture = self._apm.capture


class Pyaec:
    """The canceller of Speex in the package `pyaec`, with 0.4 s of filter."""

    def __init__(self, delay: float) -> None:
        aec: Any = importlib.import_module("pyaec")
        self._aec = aec.Aec(_PYAEC_BLOCK, int(0.4 * SAMPLE_RATE), SAMPLE_RATE, True)
        self._rendered: Pcm = np.zeros(FRAME_SAMPLES, dtype=np.int16)

    def render(self, pcm: Pcm) -> None:
        self._rendered = pcm

    def capture(self, pcm: Pcm) -> Pcm:
        blocks = zip(pcm.reshape(-1, _PYAEC_BLOCK), self._rendered.reshape(-1, _PYAEC_BLOCK), strict=True)
        return np.concatenate([self._block(captured, rendered) for captured, rendered in blocks])

    def _block(self, captured: Pcm, rendered: Pcm) -> Pcm:
        return np.array(self._aec.cancel_echo(captured.tolist(), rendered.tolist()), dtype=np.int16)


class Nothing:
    """No processing."""

    def __init__(self, delay: float) -> None: ...
    def render(self, pcm: Pcm) -> None: ...
    def capture(self, pcm: Pcm) -> Pcm:
        return pcm


def _ours(delay: float) -> Subject:
    return Processing(ProcessingSettings(automatic_gain=False), delay=delay)


def _ours_with_gain(delay: float) -> Subject:
    return Processing(delay=delay)


_SUBJECTS: Mapping[str, Callable[[float], Subject]] = {
    OURS: _ours,
    "ours_with_gain": _ours_with_gain,
    "libwebrtc": Libwebrtc,
    "pyaec": Pyaec,
    "nothing": Nothing,
}


@dataclass(frozen=True)
class Outcome:
    """What came of one conversation in one room."""

    out: Pcm
    seconds: float
    """Of work."""


async def run(effort: Effort) -> Result:
    """Every room with every subject."""
    return measure(list(ROOMS) if effort.is_full else ["desk", "drift"], conversation(12 if effort.is_full else 4))


def measure(rooms: list[str], talk: Conversation) -> Result:
    """The same, with as many rooms as wanted."""
    subjects = [name for name in _SUBJECTS if name != "pyaec" or _has_pyaec()]
    measured: dict[str, dict[str, float]] = {name: {} for name in subjects}
    for room in rooms:
        for name in subjects:
            figures = score(talk, ROOMS[room], _SUBJECTS[name])
            measured[name] |= {f"{room}_{figure}": value for figure, value in figures.items()}
    return Result(
        name="echo",
        question=QUESTION,
        measured=measured,
        groups=rooms,
        ratios=_ratios(measured, rooms),
        targets=[
            *(Target(f"ours_{room}_echo_reduction_db", least=35) for room in rooms),
            *(Target(f"ours_{room}_stoi_drop", most=0.15) for room in rooms),
        ],
        conditions={
            "echo_reduction_db": "by how much the echo is weaker where only the far person talks, relative to the near "
            "person's voice when that is alone; from 3 s on",
            "stoi_drop": "of what the near person says while both talk, from the microphone to the output; below 0 it "
            "is better understood than at the microphone",
            "cpu_us_per_10ms": "render and capture together",
            "rooms": "; ".join(f"{room}: {_in_words(ROOMS[room])}" for room in rooms),
            "ours": "without automatic gain, as libwebrtc here; ours_with_gain with it, as it is by default",
            "ratios": "of CPU, and of what is missing in STOI to 1",
            "pyaec": "with 0.4 s of filter" if _has_pyaec() else _PYAEC_MISSING,
        },
    )


def score(talk: Conversation, room: Room, make: Callable[[float], Subject]) -> dict[str, float]:
    """The figures of one subject in one room; it is told the delay of the room."""
    microphone, _ = talk.microphone(room)
    outcome = process(talk, microphone, make(room.delay))
    return {
        "echo_reduction_db": _echo_below_voice(talk, outcome.out) - _echo_below_voice(talk, microphone),
        "stoi_drop": _understood(talk, microphone) - _understood(talk, outcome.out),
        "stoi": _understood(talk, outcome.out),
        "cpu_us_per_10ms": 1e6 * outcome.seconds / (len(microphone) / (SAMPLE_RATE // 100)),
    }


def process(talk: Conversation, microphone: Pcm, subject: Subject) -> Outcome:
    """The conversation through the subject, frame by frame."""
    far = np.clip(np.rint(talk.far), -32768, 32767).astype(np.int16)
    out = []
    began = time.process_time()
    for rendered, captured in zip(far.reshape(-1, FRAME_SAMPLES), microphone.reshape(-1, FRAME_SAMPLES), strict=True):
        subject.render(rendered)
        out.append(subject.capture(captured))
    return Outcome(np.concatenate(out), time.process_time() - began)


def _echo_below_voice(talk: Conversation, sound: Pcm) -> float:
    begin, end = talk.spans[-1]
    return _decibel(sound[begin:end]) - _decibel(sound[talk.alone])


def _decibel(sound: NDArray[Any]) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) + 1e-3))


def _understood(talk: Conversation, sound: Pcm) -> float:
    """STOI (Taal et al., 2011) of the near sentences that the far voice talks into, each laid over its sound."""
    return float(np.mean([_sentence_stoi(talk.near[b:e], sound[b : e + _LATEST]) for b, e in talk.spans[:-1]]))


def _sentence_stoi(said: NDArray[np.float64], heard: Pcm) -> float:
    shift = int(np.argmax(correlate(heard.astype(np.float64), said, mode="valid", method="fft")))
    return float(stoi(_resampled(said), _resampled(heard[shift : shift + len(said)].astype(np.float64)), _STOI_RATE))


def _resampled(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(resample_poly(sound, _STOI_RATE // 2000, SAMPLE_RATE // 2000))


def _ratios(measured: Mapping[str, Mapping[str, float]], rooms: list[str]) -> dict[str, float]:
    found = {}
    for other in [name for name in measured if name in ("libwebrtc", "pyaec")]:
        for room in rooms:
            ours, theirs = measured[OURS], measured[other]
            found[f"ours/{other}_{room}_unintelligible"] = (1 - ours[f"{room}_stoi"]) / (1 - theirs[f"{room}_stoi"])
            found[f"ours/{other}_{room}_cpu"] = ours[f"{room}_cpu_us_per_10ms"] / theirs[f"{room}_cpu_us_per_10ms"]
    return found


def _in_words(room: Room) -> str:
    parts = [f"{1000 * room.delay:g} ms", f"tail of {room.reverberation:g} s", f"direct sound {room.direct_db:g} dB up"]
    parts += [f"clocks {room.clock_ppm:g} ppm apart"] if room.clock_ppm else []
    parts += [f"delay to and fro by {1e6 * room.wander:g} µs"] if room.wander else []
    parts += ["distorting loudspeaker"] if room.overdriven else []
    return ", ".join(parts)


def _has_pyaec() -> bool:
    return importlib.util.find_spec("pyaec") is not None

"""The voices of the callers: three synthesisers that nobody here wrote, with pauses where the script has them."""

import functools
import io
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from bench.turn_script import Caller, Turn
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm

_PROGRAMS = {"flite": "flite", "festival": "text2wave", "espeak": "espeak-ng"}
_BLOCK = SAMPLE_RATE // 100
_SILENT_DB = 40.0
"""Below the loudest 10 ms, where a word is over."""
_SHORTEST_GAP = 6
_LEVEL = 2000.0
"""Root mean square of what is said: about -24 dBFS."""


class VoiceMissing(RuntimeError):
    """A synthesiser is not installed; the message says how to get it."""


def check_voices() -> None:
    """Raise `VoiceMissing` unless all programs are there."""
    missing = [name for name in _PROGRAMS.values() if shutil.which(name) is None]
    if missing:
        raise VoiceMissing(f"{', '.join(missing)} not found: run scripts/bootstrap voices")


@functools.cache
def said(caller: Caller, turn: Turn) -> Pcm:
    """The sound of a turn at 48 kHz, without silence around it: its first and last sample belong to words."""
    return _with_pauses(_trimmed(_levelled(_synthesised(caller.engine, caller.voice, turn.text))), turn.pauses)


def spoken(engine: str, voice: str, text: str) -> NDArray[np.float64]:
    """Any text at 48 kHz, at the level of all others. Raises `VoiceMissing`."""
    check_voices()
    return _levelled(_synthesised(engine, voice, text))


def noise(caller: Caller, samples: int, seed: int) -> NDArray[np.float64]:
    """White noise as far below the speech as it is with this caller; without noise, what every room has."""
    below = 60.0 if caller.snr_db is None else caller.snr_db
    return np.random.default_rng(seed).normal(0.0, _LEVEL * 10 ** (-below / 20), samples)


def _synthesised(engine: str, voice: str, text: str) -> NDArray[np.float64]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "said.wav")
        commands = {
            "flite": ["flite", "-voice", voice, "-t", text, "-o", str(path)],
            "festival": ["text2wave", "-eval", f"(voice_{voice})", "-o", str(path)],
            "espeak": ["espeak-ng", "-v", voice, "-s", "160", "-w", str(path), text],
        }
        subprocess.run(commands[engine], input=text.encode(), check=True, capture_output=True, timeout=60)
        with wave.open(io.BytesIO(path.read_bytes())) as file:
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)
    common = gcd(SAMPLE_RATE, rate)
    return np.asarray(resample_poly(samples, SAMPLE_RATE // common, rate // common))


def _levelled(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    levelled: NDArray[np.float64] = samples * (_LEVEL / np.sqrt(np.mean(samples**2)))
    return levelled


def _quiet(samples: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each 10 ms, whether nothing is said in it."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    power = np.mean(blocks**2, axis=1)
    return np.asarray(power < power.max() * 10 ** (-_SILENT_DB / 10))


def _trimmed(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    loud = np.flatnonzero(~_quiet(samples))
    return samples[loud[0] * _BLOCK : (loud[-1] + 1) * _BLOCK]


def _with_pauses(samples: NDArray[np.float64], pauses: Sequence[float]) -> Pcm:
    """The longest gaps that the voice made become the pauses, in their order."""
    gaps = sorted(sorted(_gaps(samples), key=lambda gap: gap[0] - gap[1])[: len(pauses)])
    pieces, after = [], 0
    for (start, end), pause in zip(gaps, pauses, strict=False):
        pieces += [samples[after : start * _BLOCK], np.zeros(int(pause * SAMPLE_RATE))]
        after = end * _BLOCK
    whole = np.concatenate([*pieces, samples[after:]])
    pcm: Pcm = np.clip(whole, -32768, 32767).astype(np.int16)
    return pcm


def _gaps(samples: NDArray[np.float64]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], _quiet(samples), [False]]).astype(int)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2) if end - start >= _SHORTEST_GAP]


def whole_frames(samples: int) -> int:
    """As many samples as the frames take that `samples` are in."""
    return -(-samples // FRAME_SAMPLES) * FRAME_SAMPLES

"""What two recordings of one call tell: when who spoke, how long sound took, how long answers took. Pure."""

import itertools
import statistics
import wave
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import FRAME_SECONDS, SAMPLE_RATE

_DECIMATION = 6
_RATE = SAMPLE_RATE // _DECIMATION
_LONGEST_DELAY = 1.0
_LEAST_LIKENESS = 0.6
_PIECE_SECONDS = 0.4
_BLOCK_SECONDS = 0.01
_AUDIBLE_DBFS = -55.0
_LONGEST_PAUSE = 0.35
_SHORTEST_SPEECH = 0.12
_LATENESS = 0.3
"""Seconds: where the clock of a busy machine is late, a line stands in the recording before it was begun."""

Signal = NDArray[np.float32]


class Stretch(msgspec.Struct, frozen=True):
    """A stretch of sound, from and to in seconds since the recording began."""

    began: float
    ended: float


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Several measurements of one thing, in milliseconds."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: list[float]) -> "Spread | None":
        """None if there are none."""
        if not values:
            return None
        return cls(median=statistics.median(values), low=min(values), high=max(values), count=len(values))


class Recording(msgspec.Struct, frozen=True):
    """One process's stereo recording: `ours` and `theirs` at 8 kHz, and the monotonic time of its first tick."""

    ours: Signal
    theirs: Signal
    began: float


def read_recording(path: Path, began: float) -> Recording:
    """Read what `StereoRecording` wrote. Raises `OSError` or `wave.Error`."""
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    usable = len(samples) // _DECIMATION * _DECIMATION
    shaped = samples[:usable].astype(np.float32).reshape(-1, _DECIMATION, 2).mean(axis=1)
    return Recording(np.ascontiguousarray(shaped[:, 0]), np.ascontiguousarray(shaped[:, 1]), began)


def speech_stretches(signal: Signal) -> list[Stretch]:
    """Where a clean signal is audible; pauses shorter than 0.35 s do not part a stretch."""
    block = int(_BLOCK_SECONDS * _RATE)
    usable = len(signal) // block * block
    power = np.square(signal[:usable].reshape(-1, block)).mean(axis=1)
    loud = np.flatnonzero(power > 32768.0**2 * 10 ** (_AUDIBLE_DBFS / 10))
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) * _BLOCK_SECONDS > _LONGEST_PAUSE)
    firsts = loud[np.concatenate(([0], breaks + 1))]
    lasts = loud[np.concatenate((breaks, [len(loud) - 1]))]
    stretches = [
        Stretch(float(first) * _BLOCK_SECONDS, float(last + 1) * _BLOCK_SECONDS)
        for first, last in zip(firsts, lasts, strict=True)
    ]
    return [stretch for stretch in stretches if stretch.ended - stretch.began >= _SHORTEST_SPEECH]


def outline(signal: Signal, points: int) -> list[int]:
    """The peaks of a signal in `points` equal stretches, 0 to 100 of full scale by the square root, to be drawn."""
    edges = np.linspace(0, len(signal), points + 1).astype(int)
    peaks = [float(np.abs(signal[a:b]).max()) if b > a else 0.0 for a, b in itertools.pairwise(edges)]
    return [round(100 * (peak / 32768) ** 0.5) if peak > 60 else 0 for peak in peaks]


def mouth_to_ear(speaker: Recording, listener: Recording) -> Spread | None:
    """From the capture of a sample at the speaker to its hand-over at the listener, one value for 0.4 s of speech.

    Both recordings are on one machine's monotonic clock. The 20 ms that a captured frame takes to fill are in it.
    """
    offset = speaker.began - listener.began
    pieces = [piece for stretch in speech_stretches(speaker.ours) for piece in _pieces(stretch)]
    delays = [_delay(speaker.ours, listener.theirs, piece, offset) for piece in pieces]
    return Spread.of([(delay + FRAME_SECONDS) * 1000 for delay in delays if delay is not None])


def _pieces(stretch: Stretch) -> list[Stretch]:
    count = max(1, int((stretch.ended - stretch.began) / _PIECE_SECONDS))
    edges = np.linspace(stretch.began, stretch.ended, count + 1).tolist()
    return [Stretch(began, ended) for began, ended in itertools.pairwise(edges)]


def _delay(sent: Signal, received: Signal, stretch: Stretch, offset: float) -> float | None:
    """Where a stretch of `sent` is found in `received`, seconds after it was sent; None if it is not there."""
    first, last = int(stretch.began * _RATE), int(stretch.ended * _RATE)
    template = sent[first:last]
    begin = first + int(offset * _RATE)
    window = received[max(0, begin) : begin + len(template) + int(_LONGEST_DELAY * _RATE)]
    if begin < 0 or len(window) <= len(template):
        return None
    size = 1 << int(len(window) + len(template)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(window, size) * np.conj(np.fft.rfft(template, size)), size)
    likeness = likeness[: len(window) - len(template)]
    best = int(np.argmax(likeness))
    energy = float(np.linalg.norm(template)) * float(np.linalg.norm(window[best : best + len(template)]))
    if energy == 0.0 or float(likeness[best]) / energy < _LEAST_LIKENESS:
        return None
    return best / _RATE - (offset - int(offset * _RATE) / _RATE)


def answer_gaps(asker: Recording, begins: Sequence[float]) -> list[float | None]:
    """For each line the asker began (seconds into the recording): ms from its end to the first sound of the answer.

    As the asker hears it; None when no answer came before the next line.
    """
    asked, answered = speech_stretches(asker.ours), speech_stretches(asker.theirs)
    gaps: list[float | None] = []
    for begin, until in itertools.pairwise((*(begin - _LATENESS for begin in begins), float("inf"))):
        ends = [stretch.ended for stretch in asked if begin <= stretch.began < until]
        starts = [answer.began for answer in answered if ends and ends[-1] <= answer.began < until]
        gaps.append((starts[0] - ends[-1]) * 1000 if starts else None)
    return gaps


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return "".join(character if character.isalnum() or character == "'" else " " for character in text.lower()).split()


def word_error_rate(said: str, heard: str) -> float:
    """Edit distance of the words, by the number of words said (0 is perfect)."""
    reference, hypothesis = words(said), words(heard)
    row = list(range(len(hypothesis) + 1))
    for i, expected in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, found in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (expected != found))
    return row[-1] / max(len(reference), 1)

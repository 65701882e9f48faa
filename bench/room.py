"""A loudspeaker, a room and a microphone: what comes back of what a person hears, while the person talks too."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.signal import fftconvolve, resample_poly

from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm
from hullo.speech.engines.espeak import EspeakVoice

Sound = NDArray[np.float64]

FAR = (
    "Good morning, this is the pharmacy on the corner. Your prescription is ready, and we close at six.",
    "Please bring the yellow form with you. Should it rain, wait inside, we will call your name.",
    "The kitchen is open until eleven. There is a garden behind the house, where you can sit in good weather.",
    "Thank you very much. The train leaves from the other side, so take the stairs and then turn left.",
)
NEAR = (
    "Please call me back in the morning.",
    "I would like to make an appointment.",
    "Do you have a table for four people?",
    "Are you open on Sunday?",
)
NEAR_VOICE, FAR_VOICE = "en-us+f2", "en-us+m3"

_LEVEL = 2000.0
"""Root mean square of a voice at the microphone and in the loudspeaker's input: about -24 dBFS."""
_FLOOR = 10.0
"""Of the microphone's own noise: -70 dBFS."""
_GAP = 1.0
_ALONE_FIRST, _ALONE_LAST = 9.0, 1.0
_DIRECT = 48
"""Samples between the direct sound and the first reflection."""
_FINER = 4


@dataclass(frozen=True)
class Room:
    """What is between loudspeaker and microphone. `clock_ppm` is how much faster the one's clock is.

    `wander` is the amplitude in seconds by which the delay moves to and fro in 10 s: buffers that are kept level.
    """

    delay: float = 0.06
    echo_db: float = -6.0
    """Of the echo at the microphone, relative to what the loudspeaker was given."""
    reverberation: float = 0.3
    """Seconds in which the tail falls by 60 dB."""
    direct_db: float = 6.0
    """The direct sound above all of the tail."""
    clock_ppm: float = 0.0
    wander: float = 0.0
    overdriven: bool = False
    """The loudspeaker distorts: as tanh does, at 12 dB above the voice's level."""
    seed: int = 1

    def echo(self, played: Sound) -> Sound:
        """What the microphone hears of what was played."""
        if self.overdriven:
            played = 4 * _LEVEL * np.tanh(played / (4 * _LEVEL))
        reflected = fftconvolve(played, self._response())[: len(played)]
        loud = 10 ** (self.echo_db / 20) * np.sqrt(np.mean(played**2) / np.mean(reflected**2))
        return self._late(loud * reflected)

    def _response(self) -> Sound:
        samples = int(self.reverberation * SAMPLE_RATE)
        tail = np.random.default_rng(self.seed).normal(size=samples) * 10 ** (-3 * np.arange(samples) / samples)
        tail[:_DIRECT] = 0
        tail *= 10 ** (-self.direct_db / 20) / np.sqrt(np.sum(tail**2))
        tail[0] = 1
        return tail

    def _late(self, sound: Sound) -> Sound:
        at = np.arange(len(sound), dtype=np.float64)
        at = at * (1 - self.clock_ppm * 1e-6) - SAMPLE_RATE * self.delay
        at -= SAMPLE_RATE * self.wander * np.sin(2 * np.pi * at / (10.0 * SAMPLE_RATE))
        late: Sound = map_coordinates(resample_poly(sound, _FINER, 1), [at * _FINER], order=3, mode="constant")
        return late


@dataclass(frozen=True)
class Conversation:
    """Two who talk at the same time. All arrays are of the same length: a whole number of frames at 48 kHz.

    The far voice is alone first; then the near one says a sentence now and then, in `spans` of samples, the last of
    them alone.
    """

    far: Sound
    near: Sound
    spans: Sequence[tuple[int, int]]

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Where only the far voice is to be heard, from 3 s on."""
        found = np.ones(len(self.far), dtype=np.bool_)
        found[: 3 * SAMPLE_RATE] = False
        for begin, end in self.spans:
            found[begin - SAMPLE_RATE // 10 : end + SAMPLE_RATE // 4] = False
        found[self.spans[-1][0] - SAMPLE_RATE :] = False
        return found

    def microphone(self, room: Room) -> tuple[Pcm, Sound]:
        """What the microphone gives, and what of it is echo."""
        echo = room.echo(self.far)
        noise = np.random.default_rng(room.seed + 1).normal(0.0, _FLOOR, len(self.far))
        return pcm(self.near + echo + noise), echo


@functools.cache
def conversation(sentences: int = 8) -> Conversation:
    """The near voice says so many sentences. Raises `SpeechError` without eSpeak."""
    voice = EspeakVoice(voice=NEAR_VOICE, speed=160, pitch=40)
    gap = int(_GAP * SAMPLE_RATE)
    pieces, spans, at = [], [], int(_ALONE_FIRST * SAMPLE_RATE)
    for number in range(sentences + 1):
        said = _said(voice, NEAR_VOICE, NEAR[number % len(NEAR)])
        if number == sentences:
            at += int(_ALONE_LAST * SAMPLE_RATE)
        pieces.append((at, said))
        spans.append((at, at + len(said)))
        at += len(said) + gap
    length = -(-at // FRAME_SAMPLES) * FRAME_SAMPLES
    near, far = np.zeros(length), np.zeros(length)
    for begin, said in pieces:
        near[begin : begin + len(said)] = said
    at, number, end = 0, 0, spans[-1][0] - SAMPLE_RATE
    while at < end:
        said = _said(voice, FAR_VOICE, FAR[number % len(FAR)])[: end - at]
        far[at : at + len(said)] = said
        at, number = at + len(said) + SAMPLE_RATE // 5, number + 1
    return Conversation(far=far, near=near, spans=tuple(spans))


def pcm(sound: Sound) -> Pcm:
    """The sound as a device gives it."""
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def _said(voice: EspeakVoice, name: str, text: str) -> Sound:
    pieces: list[bytes] = []

    def keep(piece: bytes, _words: object = ()) -> bool:
        pieces.append(piece)
        return True

    voice.synthesise(text, name, None, keep)
    said = np.frombuffer(b"".join(pieces), dtype=np.int16).astype(np.float64)
    common = gcd(SAMPLE_RATE, voice.rate)
    sound: Sound = resample_poly(said, SAMPLE_RATE // common, voice.rate // common)
    sound *= _LEVEL / np.sqrt(np.mean(sound**2))
    return sound


ROOMS = {
    "desk": Room(),
    "late": Room(delay=0.2, seed=2),
    "drift": Room(clock_ppm=20.0, wander=0.00005, seed=3),
    "hall": Room(reverberation=0.5, direct_db=3.0, seed=4),
    "overdriven": replace(Room(), overdriven=True, seed=5),
}
"""By the name of what is hard about it."""

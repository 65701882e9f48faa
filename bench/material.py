"""The speech that every subject is given."""

import functools
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm
from hullo.speech.engines.espeak import EspeakVoice

SENTENCES = (
    ("en-us+f2", "Good morning, this is the pharmacy on the corner. Your prescription is ready, and we close at six."),
    ("en-us+m3", "Thank you very much. I will be there in half an hour, if the bus is on time today."),
    ("en-us+f2", "Please bring the yellow form with you. Should it rain, wait inside; we will call your name."),
    ("en-us+m3", "Fine. Which of the two entrances is nearer to the station, the front or the back?"),
)
_PAUSE = 0.4
_LEVEL = 2000.0
"""Root mean square: about -24 dBFS."""


@functools.cache
def speech() -> Pcm:
    """Some 20 s of two voices that take turns, made of whole frames of 20 ms. Raises `SpeechError` without eSpeak."""
    voice = EspeakVoice(voice="en-us+f2", speed=165, pitch=50)
    parts = []
    for name, text in SENTENCES:
        said = _said(voice, name, text)
        common = gcd(SAMPLE_RATE, voice.rate)
        parts += [resample_poly(said, SAMPLE_RATE // common, voice.rate // common), np.zeros(int(_PAUSE * SAMPLE_RATE))]
    sound = np.concatenate(parts)
    sound *= _LEVEL / np.sqrt(np.mean(sound**2))
    whole = len(sound) // FRAME_SAMPLES * FRAME_SAMPLES
    noise = np.random.default_rng(0).normal(0, 4, whole)  # no encoder is to see digital silence
    return np.clip(sound[:whole] + noise, -32768, 32767).astype(np.int16)


def speech_frames() -> list[Pcm]:
    """The same, cut into frames."""
    return list(speech().reshape(-1, FRAME_SAMPLES))


def _said(voice: EspeakVoice, name: str, text: str) -> NDArray[np.float64]:
    pieces: list[bytes] = []

    def keep(piece: bytes, _words: object = ()) -> bool:
        pieces.append(piece)
        return True

    voice.synthesise(text, name, None, keep)
    return np.frombuffer(b"".join(pieces), dtype=np.int16).astype(np.float64)

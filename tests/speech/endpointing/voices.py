"""Vowels with a melody."""

from collections.abc import Sequence

import numpy as np

from hullo.media.pcm import Pcm


def vowel(melody: Sequence[float], seconds: float, noise: float = 20.0) -> Pcm:
    """A vowel of 16 kHz whose pitch goes through the values of `melody` (Hz) at an even pace."""
    count = int(seconds * 16_000)
    hertz = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(melody)), melody)
    phase = 2 * np.pi * np.cumsum(hertz) / 16_000
    sound = sum(np.sin(number * phase) / number for number in range(1, 9)) * 3000
    return np.asarray(sound + np.random.default_rng(0).normal(0, noise, count)).astype(np.int16)


FALLING = vowel([130, 120, 115, 110, 85, 80, 80], 1.2)
LEVEL = vowel([110, 100, 110, 105, 112, 118, 118], 1.2)
RISING = vowel([110, 100, 105, 110, 150, 160, 160], 1.2)
NOISE = np.random.default_rng(1).normal(0, 3000, 16_000).astype(np.int16)

"""Tones to say and to recognise: what one side says, the other side must be proven to hear."""

import asyncio

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm

DEADLINE = 30.0


class Tone:
    """A mouth that says a sine for ever."""

    def __init__(self, hertz: float, amplitude: float = 8000.0) -> None:
        self.hertz = hertz
        self._amplitude = amplitude
        self._at = 0

    def __call__(self, now: float) -> Pcm:
        time = (self._at + np.arange(FRAME_SAMPLES)) / SAMPLE_RATE
        self._at += FRAME_SAMPLES
        return (self._amplitude * np.sin(2 * np.pi * self.hertz * time)).astype(np.int16)


class Listener:
    """An ear that keeps what it hears."""

    def __init__(self) -> None:
        self.frames: list[Pcm] = []

    def __call__(self, pcm: Pcm, now: float) -> None:
        self.frames.append(pcm)

    def last(self, seconds: float) -> Pcm:
        """The end of what was heard."""
        count = round(seconds * SAMPLE_RATE / FRAME_SAMPLES)
        return np.concatenate(self.frames[-count:]) if self.frames else np.zeros(0, np.int16)

    def forget(self) -> None:
        """What was heard until now does not count."""
        self.frames.clear()

    async def hears(self, hertz: float, seconds: float = 0.5) -> None:
        """Return once `hertz` was nearly all there was to hear for `seconds`."""
        try:
            async with asyncio.timeout(DEADLINE):
                while purity(self.last(seconds), hertz) < 0.9 or len(self.last(seconds)) < seconds * SAMPLE_RATE:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{hertz} Hz not heard; {describe(self.last(seconds))}") from None


def purity(pcm: NDArray[np.int16], hertz: float, rate: int = SAMPLE_RATE) -> float:
    """The share of the power of `pcm` that lies within 3 % of `hertz`; 0 for near silence."""
    if len(pcm) < 960 or float(np.abs(pcm).max()) < 500:
        return 0.0
    power = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    frequencies = np.fft.rfftfreq(len(pcm), 1 / rate)
    near = np.abs(frequencies - hertz) <= max(0.03 * hertz, 15.0)
    return float(power[near].sum() / power.sum())


def describe(pcm: NDArray[np.int16], rate: int = SAMPLE_RATE) -> str:
    """What there was to hear instead, for the message of a failed test."""
    if len(pcm) < 960:
        return f"{len(pcm)} samples were heard"
    power = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    loudest = np.fft.rfftfreq(len(pcm), 1 / rate)[int(power.argmax())]
    return f"heard at most {int(np.abs(pcm).max())} of 32767, loudest at {loudest:.0f} Hz"

"""What is done to a person's microphone before a call hears it: echo, noise, loudness, rumble."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from hullo.audio.echofilter import EchoFilter, Sound
from hullo.media.apm import Apm
from hullo.media.pcm import FRAME_SAMPLES, SILENCE, Pcm

_LEFT_OVER: Final = 0.25
"""Of the echo, what is left to libwebrtc's canceller. It holds back both voices where they meet, the less the weaker
the echo is, but does not find an echo that is hardly there."""


@dataclass(frozen=True)
class ProcessingSettings:
    """What is wanted of the processing of one microphone in one call."""

    echo_cancellation: bool = True
    noise_suppression: bool = True
    automatic_gain: bool = True
    high_pass: bool = True
    """Nothing below about 100 Hz."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.echo_cancellation or self.noise_suppression or self.automatic_gain or self.high_pass


class Processing:
    """One microphone beside one loudspeaker. Values in and out: both are called in the media tick, in lockstep.

    `render` gets every frame that is handed to the loudspeaker, silence too, after volume and mixing; `capture` gets
    every frame of the microphone. `delay` is the seconds from the one to the other: the buffers of both devices.

    A linear filter of our own takes away most of an echo, libwebrtc the rest, and does everything else. It takes
    1 ms to make, but 0.4 s the first time: in a thread. Raises `ProcessingUnavailable` when anything is wanted and
    the package is missing; with nothing wanted it hands frames through.
    """

    def __init__(self, settings: ProcessingSettings = ProcessingSettings(), *, delay: float = 0.0) -> None:
        self._delay = delay
        self._filter: EchoFilter | None = None
        self._rendered: deque[Pcm] = deque(maxlen=2)
        self.switch(settings)

    @property
    def settings(self) -> ProcessingSettings:
        """What it does now."""
        return self._settings

    def switch(self, settings: ProcessingSettings) -> None:
        """Do something else from the next frame on. Raises as it is made; then nothing has changed."""
        self._apm = _module(settings)  # libwebrtc's cannot be changed through this package
        self._settings = settings
        if not settings.echo_cancellation:
            self._filter = None
        elif self._filter is None:
            self._filter = EchoFilter(self._delay)
        self.set_delay(self._delay)

    def set_delay(self, seconds: float) -> None:
        """How long a rendered sound takes to be captured, as known now, within about 0.05 s."""
        self._delay = seconds
        if self._apm is not None and self._filter is not None:
            self._apm.set_delay(seconds)
            self._filter.set_delay(seconds)

    def render(self, pcm: Pcm) -> None:
        """The frame that the loudspeaker is given now. Raises `ValueError` when it is no frame of 20 ms."""
        _check(pcm)
        if self._apm is not None and self._filter is not None:
            self._apm.render(pcm)
            self._rendered.append(pcm)

    def capture(self, pcm: Pcm) -> Pcm:
        """The frame that the microphone heard; a frame comes out, its sound up to 14 ms late. Raises as `render`."""
        _check(pcm)
        if self._apm is None:
            return pcm
        return self._apm.capture(pcm if self._filter is None else self._filtered(self._filter, pcm))

    def _filtered(self, echo_filter: EchoFilter, captured: Pcm) -> Pcm:
        rendered = self._rendered.popleft() if self._rendered else SILENCE
        sound = _sound(captured)
        sound -= np.float32(1 - _LEFT_OVER) * echo_filter.echo(_sound(rendered), sound)
        return np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)


def _sound(pcm: Pcm) -> Sound:
    return pcm.astype(np.float32) / np.float32(32768)


def _check(pcm: Pcm) -> None:
    if len(pcm) != FRAME_SAMPLES:
        raise ValueError(f"a frame has {FRAME_SAMPLES} samples, not {len(pcm)}")


def _module(settings: ProcessingSettings) -> Apm | None:
    if not settings.needed:
        return None
    return Apm(
        echo_cancellation=settings.echo_cancellation,
        noise_suppression=settings.noise_suppression,
        automatic_gain=settings.automatic_gain,
        high_pass=settings.high_pass,
    )

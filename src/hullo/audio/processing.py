"""What is done to a person's microphone before a call hears it: echo, noise, loudness, rumble."""

from dataclasses import dataclass

from hullo.media.apm import Apm
from hullo.media.pcm import Pcm


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

    It takes 1 ms to make, but 0.4 s the first time: in a thread. Raises `ProcessingUnavailable` when anything is
    wanted and the package is missing; with nothing wanted it hands frames through.
    """

    def __init__(self, settings: ProcessingSettings = ProcessingSettings(), *, delay: float = 0.0) -> None:
        self._delay = delay
        self.switch(settings)

    @property
    def settings(self) -> ProcessingSettings:
        """What it does now."""
        return self._settings

    def switch(self, settings: ProcessingSettings) -> None:
        """Do something else from the next frame on; the canceller is back in half a second. Raises as it is made."""
        self._apm = _module(settings)  # libwebrtc's cannot be changed through this package
        self._settings = settings
        self.set_delay(self._delay)

    def set_delay(self, seconds: float) -> None:
        """How long a rendered sound takes to be captured, as known now. A hint: the canceller finds it itself."""
        self._delay = seconds
        if self._apm is not None and self._settings.echo_cancellation:
            self._apm.set_delay(seconds)

    def render(self, pcm: Pcm) -> None:
        """What the loudspeaker is given now: whole blocks of 10 ms, 48 kHz. Raises `ValueError` for anything else."""
        if self._apm is not None and self._settings.echo_cancellation:
            self._apm.render(pcm)

    def capture(self, pcm: Pcm) -> Pcm:
        """What the microphone heard, in whole blocks of 10 ms; as much comes out, 14 ms late. Raises as `render`."""
        return pcm if self._apm is None else self._apm.capture(pcm)


def _module(settings: ProcessingSettings) -> Apm | None:
    if not settings.needed:
        return None
    return Apm(
        echo_cancellation=settings.echo_cancellation,
        noise_suppression=settings.noise_suppression,
        automatic_gain=settings.automatic_gain,
        high_pass=settings.high_pass,
    )

"""The linear part of an echo, found and taken away: a partitioned frequency-domain Kalman filter.

After F. Kuech, E. Mabande, G. Enzner, "State-space architecture of the partitioned-block-based acoustic echo
controller", ICASSP 2014. It needs no double-talk detector: how fast it learns follows from how much of the residual
it holds for near-end speech, which passes it unharmed.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS

_PARTITIONS: Final = 20
"""20 ms each: the delay that was not foretold, and the room."""
_MARGIN: Final = 5
"""Frames by which an echo may come before it is expected: what is behind the beginning of the filter is lost to it."""
_MOVED: Final = 3
"""Frames by which the delay has to change before the filter begins anew."""
_EARLY: Final = 8
"""Partitions in which the direct sound may be; after them the room dies away."""
_DECAY_DB: Final = 4.0
"""In a partition: a room with a reverberation time of 0.3 s."""
_KEEP: Final = 0.998
"""Of the echo path from frame to frame: slow enough for a small noise of estimation, fast enough for clock drift."""
_NOISE_KEEP: Final = 0.6
_FIRST_NOISE: Final = 1e-4
_CONSTRAINED: Final = 4
"""Partitions whose impulse response is made causal again in each frame; all of them in turn (Soo and Pang, 1990)."""
_DIVERGED: Final = 2.0
"""A residual with so many times the power of the microphone is no residual."""
_POWER_KEEP: Final = 0.9
_TINY: Final = 1e-10

Sound: TypeAlias = NDArray[np.float32]
_Spectra: TypeAlias = NDArray[np.complex64]

_SILENCE: Sound = np.zeros(FRAME_SAMPLES, dtype=np.float32)


class EchoFilter:
    """One loudspeaker and one microphone, frames of 20 ms, floats of full scale 1; 0.4 ms a frame.

    It looks for the echo from `delay` seconds less 100 ms on, for 0.4 s.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self._power: NDArray[np.float32] = np.zeros((_PARTITIONS, FRAME_SAMPLES + 1), dtype=np.float32)
        self._heard = np.zeros(2 * FRAME_SAMPLES, dtype=np.float32)
        self._spectra: _Spectra = np.zeros((_PARTITIONS, FRAME_SAMPLES + 1), dtype=np.complex64)
        self._noise: NDArray[np.float32] = np.zeros(FRAME_SAMPLES + 1, dtype=np.float32)
        self._residual_power = self._captured_power = 0.0
        self._turn = 0
        self._forget()
        self._skip = 0
        self._waiting: list[Sound] = []  # rendered, but its echo can't have come yet
        self.set_delay(delay)

    def set_delay(self, seconds: float) -> None:
        """The echo is expected so late. What was learned is forgotten when that is far from what it was learned for."""
        skip = max(round(seconds / FRAME_SECONDS) - _MARGIN, 0)
        if abs(skip - self._skip) >= _MOVED:
            self._skip = skip
            missing = skip - len(self._waiting)
            self._waiting = [*[_SILENCE] * missing, *self._waiting[max(-missing, 0) :]]
            self._forget()

    def echo(self, rendered: Sound, captured: Sound) -> Sound:
        """What of the captured frame is echo; `rendered` is the frame that goes to the loudspeaker now."""
        self._take(rendered)
        power = self._power
        if not power.any():  # nothing was rendered that could be heard still
            return np.zeros_like(captured)
        spectra, weights = self._spectra, self._weights
        echo: Sound = np.fft.irfft(np.einsum("pk,pk->k", spectra, weights))[FRAME_SAMPLES:].astype(np.float32)
        residual = captured - echo
        if self._diverged(residual, captured):
            self._forget()
            return np.zeros_like(captured)
        error = np.fft.rfft(np.concatenate([np.zeros_like(residual), residual])).astype(np.complex64)
        self._noise = _NOISE_KEEP * self._noise + (1 - _NOISE_KEEP) * _power(error)
        step = self._doubt / (0.5 * np.einsum("pk,pk->k", self._doubt, power) + 2 * self._noise + _TINY)
        weights += step * spectra.conj() * error
        self._constrain()
        self._doubt *= _KEEP**2 * (1 - 0.5 * step * power)
        self._doubt += (1 - _KEEP**2) * _power(weights)
        return echo

    def _take(self, rendered: Sound) -> None:
        self._waiting.append(rendered)
        self._heard[:FRAME_SAMPLES] = self._heard[FRAME_SAMPLES:]
        self._heard[FRAME_SAMPLES:] = self._waiting.pop(0)
        self._spectra[1:] = self._spectra[:-1]
        self._spectra[0] = np.fft.rfft(self._heard)
        self._power[1:] = self._power[:-1]
        self._power[0] = _power(self._spectra[0])

    def _constrain(self) -> None:
        """An overlap-save filter must not be longer than its partition."""
        turn = slice(self._turn, self._turn + _CONSTRAINED)
        self._turn = (self._turn + _CONSTRAINED) % _PARTITIONS
        response = np.fft.irfft(self._weights[turn], axis=1)
        response[:, FRAME_SAMPLES:] = 0
        self._weights[turn] = np.fft.rfft(response, axis=1)

    def _diverged(self, residual: Sound, captured: Sound) -> bool:
        self._residual_power = _POWER_KEEP * self._residual_power + float(np.dot(residual, residual))
        self._captured_power = _POWER_KEEP * self._captured_power + float(np.dot(captured, captured))
        return self._residual_power > _DIVERGED * self._captured_power + _TINY

    def _forget(self) -> None:
        self._weights: _Spectra = np.zeros_like(self._spectra)
        decay = 10 ** (-_DECAY_DB / 10 * np.maximum(np.arange(_PARTITIONS) - _EARLY, 0))
        self._doubt = np.repeat(decay[:, None], FRAME_SAMPLES + 1, axis=1).astype(np.float32)
        self._noise = np.full(FRAME_SAMPLES + 1, _FIRST_NOISE, dtype=np.float32)
        self._residual_power = self._captured_power = 0.0
        self._turn = 0


def _power(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    return spectrum.real**2 + spectrum.imag**2

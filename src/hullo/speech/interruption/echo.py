"""How much of what is heard is the peer, and how much our own voice coming back. Pure: no clock, no tasks.

What we say is known, so its echo can be foretold: the spectrum of the sound that comes back follows that of what was
said a moment ago, quieter and smeared by the room. Spectra are compared and not waveforms, because two codecs and two
jitter buffers lie on the way.
"""

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm

_LAGS = 50
"""1 s: the longest way to the peer's ear and back."""
_BANDS = 20
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 7000.0
_FLOOR_DB = -75.0
_KEEP = 1 - FRAME_SECONDS / 3.0
"""The correlation is that of the last 3 s."""
_KEEP_MEAN = 1 - FRAME_SECONDS / 1.0
_ECHO_CORRELATION = 0.5
_ENOUGH_FRAMES = 15
_TAIL_DB = 2.5
"""A room's reverberation falls by so much in a frame (RT60 of half a second)."""
_MARGIN_DB = 6.0
_GAIN_FALL, _GAIN_RISE = 0.05, 0.5
_GAIN_STEP_MOST = 6.0
_LEARN_SECONDS = 0.6

_Spectrum = NDArray[np.float64]


def _band_edges() -> NDArray[np.int64]:
    hertz = np.geomspace(_LOWEST_HZ + 500, _HIGHEST_HZ + 500, _BANDS + 1) - 500  # evenly below 500 Hz, log above
    edges: NDArray[np.int64] = np.round(hertz * FRAME_SAMPLES / SAMPLE_RATE).astype(np.int64)
    return edges


_EDGES = _band_edges()
_WINDOW = np.hanning(FRAME_SAMPLES) / 32768 / FRAME_SAMPLES * 4


def spectrum_db(pcm: Pcm) -> _Spectrum:
    """Level of the frame in each band, dBFS, at least -75."""
    power = np.square(np.abs(np.fft.rfft(pcm * _WINDOW)))
    bands = np.add.reduceat(power, _EDGES)[:-1]
    levels: _Spectrum = np.maximum(10 * np.log10(bands + 1e-12), _FLOOR_DB)
    return levels


_SILENT = np.full(_BANDS, _FLOOR_DB)


class EchoReference:
    """Compares what is heard with what was said; both take one frame each 20 ms, `heard` first."""

    def __init__(self) -> None:
        self._said = np.full((_LAGS + 2, _BANDS), _FLOOR_DB)
        self._said_even = np.zeros((_LAGS + 2, _BANDS))
        self._means = np.full((2, _BANDS), _FLOOR_DB)
        self._products = np.zeros(_LAGS)
        self._said_power = np.full(_LAGS, 1e-9)
        self._heard_power = 1e-9
        self._heard_power_squared = 1e-9
        self._gain = np.zeros(_BANDS)
        self._spoken_frames = 0
        self._quiet_frames = _LAGS
        self.delay: float | None = None
        """Seconds from our mouth back to our ear, when there is an echo."""

    @property
    def quiet(self) -> bool:
        """Whether nothing was said for so long that no echo can be under way; nothing is compared then."""
        return self._quiet_frames >= _LAGS

    def said(self, pcm: Pcm | None) -> None:
        """The frame that is sent now; None for silence."""
        self._quiet_frames = self._quiet_frames + 1 if pcm is None else 0
        if self.quiet:
            return
        spectrum = _SILENT if pcm is None else spectrum_db(pcm)
        self._said[1:] = self._said[:-1]
        self._said_even[1:] = self._said_even[:-1]
        # The room rings on after the voice.
        self._said[0] = np.maximum(spectrum, self._said[1] - _TAIL_DB)
        self._said_even[0] = self._even(0, spectrum)
        self._spoken_frames += pcm is not None

    def heard(self, pcm: Pcm) -> float:
        """The share of the energy of the frame heard now that is not our echo: 0 is all echo, 1 is all the peer."""
        if self.quiet:
            return 1.0
        spectrum = spectrum_db(pcm)
        self._find_delay(self._even(1, spectrum))
        reference = self._reference()
        if reference is None:
            return 1.0
        above = spectrum - reference - self._gain
        near = above > _MARGIN_DB
        power = np.power(10.0, spectrum / 10)
        share = float(power[near].sum() / power.sum())
        if share < 0.5:
            self._learn_gain(spectrum, reference)
        return share

    def _even(self, side: int, spectrum: _Spectrum) -> _Spectrum:
        """The spectrum without its slow part, which all speech has in common."""
        mean = self._means[side]
        mean += (1 - _KEEP_MEAN) * (spectrum - mean)
        even: _Spectrum = spectrum - mean
        return even

    def _find_delay(self, heard: _Spectrum) -> None:
        said = self._said_even[:_LAGS]
        self._products = _KEEP * self._products + said @ heard
        self._said_power = _KEEP * self._said_power + np.einsum("ij,ij->i", said, said)
        power = float(heard @ heard)
        self._heard_power = _KEEP * self._heard_power + power
        self._heard_power_squared = _KEEP * self._heard_power_squared + power * power
        # A few frames, such as somebody's first syllable, resemble something that was said at one of fifty lags.
        frames_compared = self._heard_power**2 / self._heard_power_squared
        if frames_compared < _ENOUGH_FRAMES:
            return
        correlation = self._products / np.sqrt(self._said_power * self._heard_power)
        best = int(np.argmax(correlation))
        known = self.delay is not None
        if correlation[best] >= _ECHO_CORRELATION * (0.6 if known else 1.0):
            self.delay = (best + 1) * FRAME_SECONDS
        elif known and correlation[best] < 0.5 * _ECHO_CORRELATION and self._spoken_frames * FRAME_SECONDS > 3.0:
            self.delay = None
            self._gain[:] = 0.0

    def _reference(self) -> _Spectrum | None:
        """What the echo can be at most, before its loss; None where there is no echo."""
        if self.delay is not None:
            lag = round(self.delay / FRAME_SECONDS) - 1
            around: _Spectrum = self._said[max(lag - 1, 0) : lag + 2].max(axis=0)
            return around
        if self._spoken_frames * FRAME_SECONDS < _LEARN_SECONDS:
            anything: _Spectrum = self._said.max(axis=0)
            return anything
        return None

    def _learn_gain(self, spectrum: _Spectrum, reference: _Spectrum) -> None:
        loud = (reference > _FLOOR_DB + 20) & (self.delay is not None)
        error = spectrum - reference - self._gain
        step = np.where(error > 0, np.minimum(error, _GAIN_STEP_MOST) * _GAIN_RISE, np.maximum(error, -6) * _GAIN_FALL)
        self._gain += np.where(loud, step, 0.0)

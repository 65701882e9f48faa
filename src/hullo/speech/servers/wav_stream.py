"""A WAV file while it arrives, to 48 kHz mono. Pure."""

import struct

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.listening.resample import Resampler

_LOWEST_RATE, _HIGHEST_RATE = 4_000, 192_000
_MAX_HEADER = 1 << 16
_PCM, _EXTENSIBLE = 1, 0xFFFE
_EMPTY: Pcm = np.zeros(0, dtype=np.int16)


class WavStream:
    """RIFF/WAVE with 16-bit PCM, mono or stereo. The lengths in it are not believed: who streams does not know them."""

    def __init__(self) -> None:
        self._unread = b""
        self._channels = 0
        self._resampler: Resampler | None = None

    def feed(self, block: bytes) -> Pcm:
        """The sound that `block` completes. Raises `ValueError` for anything else than such a file."""
        self._unread += block
        if self._resampler is None and not self._read_header():
            return _EMPTY
        assert self._resampler is not None
        whole = len(self._unread) // (2 * self._channels) * 2 * self._channels
        sound, self._unread = self._unread[:whole], self._unread[whole:]
        samples = np.frombuffer(sound, dtype="<i2").astype(np.int16, copy=False)
        if self._channels == 2:
            samples = samples.reshape(-1, 2).mean(axis=1).astype(np.int16)
        return self._resampler.feed(samples)

    def finish(self) -> Pcm:
        """The last of the sound. Raises `ValueError` when there never was a whole header."""
        if self._resampler is None:
            raise ValueError("sound that ends before it begins")
        return self._resampler.finish()

    def _read_header(self) -> bool:
        """Whether everything up to the sound was there, and is read."""
        data = self._unread
        if len(data) >= 12 and (data[:4], data[8:12]) != (b"RIFF", b"WAVE"):
            raise ValueError("sound that is no WAV file")
        at, rate = 12, 0
        while len(data) >= at + 8:
            name, length = struct.unpack_from("<4sI", data, at)
            if name == b"data":
                if not rate:
                    raise ValueError("a WAV file that does not say its format")
                self._unread, self._resampler = data[at + 8 :], Resampler(rate, SAMPLE_RATE)
                return True
            if name == b"fmt " and len(data) >= at + 24:
                rate = self._read_format(data[at + 8 : at + 24])
            at += 8 + length + length % 2
            if at > _MAX_HEADER:
                raise ValueError("a WAV file without any sound in its first 64 kB")
        return False

    def _read_format(self, data: bytes) -> int:
        kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", data)
        if kind not in (_PCM, _EXTENSIBLE) or bits != 16 or channels not in (1, 2):
            raise ValueError(f"sound of format {kind} with {channels} channels of {bits} bits, not 16-bit PCM")
        if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            raise ValueError(f"a sample rate of {rate}")
        self._channels = channels
        return int(rate)

"""Files of stereo sound that are complete up to the last half second whenever the process is killed."""

import errno
import os
import wave
from pathlib import Path
from typing import IO, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame

from hullo.audio.private_file import create_private
from hullo.media.pcm import SAMPLE_RATE, Pcm

_WAV = frozenset(["", ".wav", ".wave"])
_OPUS = frozenset([".opus", ".ogg", ".oga"])
_WAV_BYTES = 2**32 - 1 - 36
"""Of sound: RIFF counts its bytes, with the rest of its header, in 32 bits. 6.2 hours."""
_OPUS_BITS_PER_SECOND = 64_000
# Without these the muxer keeps seconds of sound to itself.
_OGG = {"page_duration": "200000", "flush_packets": "1"}


class StereoFile(Protocol):
    """Takes 48 kHz stereo s16, shape (samples, 2). Every method may raise `OSError`, and is called by one thread."""

    def write(self, samples: Pcm) -> None:
        """More sound; it is on its way to the disk when this returns."""

    def close(self) -> None:
        """That was all."""


def create_stereo_file(path: Path) -> StereoFile:
    """A file that only we can read, in the form of its name: `.wav`, or Ogg Opus for `.opus`, `.ogg` and `.oga`.

    An existing one is replaced. Raises `ValueError` for another name, and `OSError` as `create_private`.
    """
    suffix = _form(path)
    raw = os.fdopen(create_private(path), "wb")
    return WavFile(raw) if suffix in _WAV else OggOpusFile(raw)


def check_recording(path: Path) -> None:
    """Whether a recording could be made there, as far as its name tells. Raises as `create_stereo_file`."""
    _form(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))


def _form(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _WAV | _OPUS:
        raise ValueError(f"a recording is a .wav or .opus file, and not {path.name}")
    return suffix


class WavFile:
    """RIFF WAVE. Its header is kept true after every piece, so it holds no more than a header can tell."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._wave = wave.open(raw, "wb")  # noqa: SIM115 - closed by `close`
        self._wave.setnchannels(2)
        self._wave.setsampwidth(2)
        self._wave.setframerate(SAMPLE_RATE)

    def write(self, samples: Pcm) -> None:
        """See `StereoFile`."""
        if self._wave.tell() * 4 + samples.nbytes > _WAV_BYTES:
            raise OSError(errno.EFBIG, "a WAV file is full at 4 GiB: name it .opus for longer calls")
        self._wave.writeframes(samples.tobytes())
        self._raw.flush()

    def close(self) -> None:
        """See `StereoFile`."""
        with self._raw, self._wave:
            pass


class OggOpusFile:
    """Opus at 64 kbit/s in Ogg (RFC 7845), in pages of 200 ms: a killed process loses little more than one."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._container = av.open(raw, "w", format="ogg", options=_OGG)
        self._stream = self._container.add_stream("libopus", rate=SAMPLE_RATE, layout="stereo")
        self._stream.bit_rate = _OPUS_BITS_PER_SECOND
        self._written = 0

    def write(self, samples: Pcm) -> None:
        """See `StereoFile`."""
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._written
        self._written += len(samples)
        self._container.mux(self._stream.encode(frame))
        self._raw.flush()

    def close(self) -> None:
        """See `StereoFile`."""
        with self._raw:
            self._container.mux(self._stream.encode(None))
            self._container.close()

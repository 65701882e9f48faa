"""Opus (RFC 6716) through libopus: the copy inside the PyAV wheel, or else the system's.

The binding is cffi in ABI mode: nothing to compile, and the variadic control calls are right on every platform.
"""

import ctypes.util
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import cffi
import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm

FrameMs = Literal[20, 40, 60]

MAX_PACKET_SAMPLES: Final = 5760
"""Samples at 48 kHz in the longest Opus packet, 120 ms (RFC 6716 3.2.5)."""

SHORTEST_FRAME: Final = 120
"""Samples in 2.5 ms, the unit in which libopus conceals."""

DTX_BYTES: Final = 2
"""A packet of this length or less says only that there is nothing to say (RFC 6716 2.1.9)."""

_MAX_PACKET_BYTES: Final = 1275 * 3 + 7

_APPLICATION_VOIP: Final = 2048
_SET_BITRATE: Final = 4002
_SET_VBR: Final = 4006
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS_PERC: Final = 4014
_SET_DTX: Final = 4016
_SET_SIGNAL: Final = 4024
_GET_LOOKAHEAD: Final = 4027
_SIGNAL_VOICE: Final = 3001
_SIGNAL_MUSIC: Final = 3002

_ffi: Final[Any] = cffi.FFI()
_ffi.cdef("""
    typedef struct OpusEncoder OpusEncoder;
    typedef struct OpusDecoder OpusDecoder;
    OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error);
    void opus_encoder_destroy(OpusEncoder *encoder);
    int opus_encoder_ctl(OpusEncoder *encoder, int request, ...);
    int32_t opus_encode(OpusEncoder *encoder, const int16_t *pcm, int samples, uint8_t *out, int32_t out_bytes);
    OpusDecoder *opus_decoder_create(int32_t rate, int channels, int *error);
    void opus_decoder_destroy(OpusDecoder *decoder);
    int opus_decode(OpusDecoder *decoder, const uint8_t *data, int32_t bytes, int16_t *pcm, int samples, int fec);
    int opus_packet_get_nb_samples(const uint8_t *packet, int32_t bytes, int32_t rate);
    int opus_packet_parse(const uint8_t *data, int32_t bytes, uint8_t *toc, const uint8_t **frames,
                          int16_t *sizes, int *payload_offset);
    const char *opus_strerror(int error);
    const char *opus_get_version_string(void);
""")


_INT16_ARRAY: Final = _ffi.typeof("int16_t[]")  # parsed once: the text costs 10 us at each use


class OpusUnavailable(RuntimeError):
    """libopus is not on this machine; the message names the package to install."""


class OpusError(ValueError):
    """libopus refused a packet or a setting."""


def _candidates() -> Iterator[str]:
    """Where libopus may be, best first; found without importing PyAV, which costs 100 ms."""
    spec = importlib.util.find_spec("av")
    for package in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            yield from (str(path) for path in sorted(folder.glob("libopus[.-]*")))
    if system := ctypes.util.find_library("opus"):
        yield system


@functools.cache
def _libopus() -> Any:
    refusals = []
    for name in _candidates():
        try:
            return _ffi.dlopen(name)
        except OSError as error:
            refusals.append(f"{name}: {error}")
    tried = f" (tried {'; '.join(refusals)})" if refusals else ""
    raise OpusUnavailable(
        f"libopus was not found{tried}: install PyAV, which carries it (pip install av), "
        "or the system's (Debian: apt install libopus0, macOS: brew install opus)"
    )


def opus_version() -> str:
    """The version of the library in use, such as `libopus 1.6.1`. Raises `OpusUnavailable`."""
    return str(_ffi.string(_libopus().opus_get_version_string()).decode())


def _checked(result: int) -> int:
    if result < 0:
        raise OpusError(_ffi.string(_libopus().opus_strerror(result)).decode())
    return result


def packet_samples(packet: bytes) -> int:
    """Samples at 48 kHz that a packet holds, from its table of contents. Raises `OpusError`."""
    samples = _checked(_libopus().opus_packet_get_nb_samples(packet, len(packet), SAMPLE_RATE))
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise OpusError(f"a packet of {samples} samples: Opus packets have 1 to {MAX_PACKET_SAMPLES}")
    return samples


def packet_has_fec(packet: bytes) -> bool:
    """Whether a packet carries a low bit-rate copy of the one before it (RFC 6716 4.2.4). Raises `OpusError`.

    Read from the bits, as `opus_packet_has_lbrr` is missing before libopus 1.5.
    """
    samples = packet_samples(packet)
    toc = packet[0]
    if toc & 0x80:  # CELT alone has no redundancy
        return False
    frames, sizes = _ffi.new("const uint8_t *[48]"), _ffi.new("int16_t[48]")
    data = _ffi.from_buffer(packet)
    count = _checked(_libopus().opus_packet_parse(data, len(packet), _ffi.NULL, frames, sizes, _ffi.NULL))
    if sizes[0] == 0:
        return False
    # Each channel's header: one voice activity flag for each SILK frame of up to 20 ms, then the flag looked for.
    silk_frames = max(1, samples // count // 960)
    flags = frames[0][0]
    if flags >> (7 - silk_frames) & 1:
        return True
    stereo = bool(toc & 0x04)
    return stereo and silk_frames < 3 and bool(flags >> (6 - 2 * silk_frames) & 1)


class OpusEncoder:
    """Encodes mono speech at 48 kHz into packets of one length. Not for use by two threads at once."""

    def __init__(
        self,
        *,
        frame_ms: FrameMs = 20,
        bitrate: int = 32_000,
        complexity: int = 5,
        fec: bool = True,
        expected_loss: int = 10,
        dtx: bool = False,
        vbr: bool = True,
    ) -> None:
        """Bitrate in bit/s (500 to 512,000), complexity 0 to 10, expected loss in percent.

        Raises `OpusError` for a setting out of range and `OpusUnavailable` without libopus.
        """
        if frame_ms not in (20, 40, 60):
            raise OpusError(f"frames of {frame_ms} ms: an encoder makes packets of 20, 40 or 60 ms")
        self._lib = _libopus()
        self.frame_samples: Final = frame_ms * SAMPLE_RATE // 1000
        error = _ffi.new("int *")
        encoder = self._lib.opus_encoder_create(SAMPLE_RATE, 1, _APPLICATION_VOIP, error)
        _checked(error[0])
        self._encoder = _ffi.gc(encoder, self._lib.opus_encoder_destroy)
        self._out = _ffi.new("uint8_t[]", _MAX_PACKET_BYTES)
        self._view = _ffi.buffer(self._out)
        self._control(_SET_SIGNAL, _SIGNAL_VOICE)
        self._control(_SET_VBR, int(vbr))
        self._control(_SET_INBAND_FEC, int(fec))
        self._control(_SET_DTX, int(dtx))
        self.set_bitrate(bitrate)
        self.set_complexity(complexity)
        self.set_expected_loss(expected_loss)

    def _control(self, request: int, value: int) -> None:
        _checked(self._lib.opus_encoder_ctl(self._encoder, request, _ffi.cast("int32_t", value)))

    @property
    def lookahead(self) -> int:
        """Samples by which what is decoded comes later than what was encoded: the pre-skip of a file."""
        samples = _ffi.new("int32_t *")
        _checked(self._lib.opus_encoder_ctl(self._encoder, _GET_LOOKAHEAD, samples))
        return int(samples[0])

    def encode(self, pcm: Pcm) -> bytes:
        """One packet of exactly `frame_samples` samples; two bytes or less need not be sent when DTX is on.

        Raises `OpusError` for any other number of samples.
        """
        if len(pcm) != self.frame_samples:
            raise OpusError(f"{len(pcm)} samples to encode: this encoder takes {self.frame_samples}")
        samples = _ffi.from_buffer(_INT16_ARRAY, np.ascontiguousarray(pcm, dtype=np.int16))
        size = self._lib.opus_encode(self._encoder, samples, self.frame_samples, self._out, _MAX_PACKET_BYTES)
        return self._view[0 : _checked(size)]  # type: ignore[no-any-return]  # a copy already

    def set_bitrate(self, bitrate: int) -> None:
        """Aim at this many bit/s. Raises `OpusError` when out of range."""
        self._control(_SET_BITRATE, bitrate)

    def set_complexity(self, complexity: int) -> None:
        """Spend 0 (least) to 10 (most) of the processor's time. Raises `OpusError` when out of range."""
        self._control(_SET_COMPLEXITY, complexity)

    def set_waveform(self, on: bool) -> None:
        """Code the waveform (CELT), or as at first a model of speech (SILK) and the waveform above it (RFC 6716 2).

        CELT takes 40 % of the time, twice the bits for the same quality of speech, and carries no redundancy; an
        expected loss above 8 % overrules it. The change-over is seamless.
        """
        self._control(_SET_SIGNAL, _SIGNAL_MUSIC if on else _SIGNAL_VOICE)

    def set_expected_loss(self, percent: int) -> None:
        """Protect against this share of lost packets, 0 to 100. Raises `OpusError` when out of range."""
        self._control(_SET_PACKET_LOSS_PERC, percent)


class OpusDecoder:
    """Decodes the packets of one stream, in order, to mono at 48 kHz. Not for use by two threads at once."""

    def __init__(self) -> None:
        """Raises `OpusUnavailable` without libopus."""
        self._lib = _libopus()
        error = _ffi.new("int *")
        decoder = self._lib.opus_decoder_create(SAMPLE_RATE, 1, error)
        _checked(error[0])
        self._decoder = _ffi.gc(decoder, self._lib.opus_decoder_destroy)
        self._pcm: Pcm = np.zeros(MAX_PACKET_SAMPLES, dtype=np.int16)
        self._out = _ffi.from_buffer(_INT16_ARRAY, self._pcm, require_writable=True)

    def decode(self, packet: bytes) -> Pcm:
        """The sound of a packet, 120 to 5760 samples. Raises `OpusError` for a corrupt one."""
        if not packet:
            raise OpusError("an empty packet")
        return self._decode(packet, MAX_PACKET_SAMPLES, 0)

    def decode_fec(self, next_packet: bytes, samples: int) -> Pcm:
        """The end of what came before `next_packet`, from the copy in it; concealed where it has none.

        `samples` are those missing, a multiple of 120. Raises `OpusError` for a corrupt packet.
        """
        if not next_packet:
            raise OpusError("an empty packet")
        return self._decode(next_packet, samples, 1)

    def conceal(self, samples: int) -> Pcm:
        """Sound like what came before, or comfort noise after a DTX packet; `samples` is a multiple of 120."""
        return self._decode(_ffi.NULL, samples, 0)

    def _decode(self, packet: Any, samples: int, fec: int) -> Pcm:
        if not 0 < samples <= MAX_PACKET_SAMPLES:
            raise OpusError(f"{samples} samples asked for: a decoder gives 120 to {MAX_PACKET_SAMPLES} at once")
        size = 0 if packet is _ffi.NULL else len(packet)
        count = _checked(self._lib.opus_decode(self._decoder, packet, size, self._out, samples, fec))
        return self._pcm[:count].copy()

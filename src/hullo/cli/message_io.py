"""How sound comes into the message commands and out of them: files, pipes, and pictures of it."""

import fcntl
import os
import select
import stat
import struct
import sys
import termios
import wave
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.messages.metadata import VoiceMessageMetadata
from hullo.messages.player import VoiceMessagePlayer
from hullo.messages.recorder import RecorderState, VoiceMessageRecorder
from hullo.speech.errors import SpeechError
from hullo.speech.speaking.audiofile import decode_file

_RAW_BYTES: Final = 1920
_ENDLESS: Final = 0x7FFFFFFF
_LOOK_MS: Final = 20
_BARS: Final = " ▁▂▃▄▅▆▇█"


def sound_of(source: str) -> Iterator[Pcm]:
    """A file, or raw samples on stdin for `-`; its beginning has been read. Raises `SpeechError` if there is none."""
    pieces = _samples(sys.stdin.buffer) if source == "-" else decode_file(Path(source))
    first = next(pieces, None)
    if first is None:
        raise SpeechError("no sound came" if source == "-" else f"{source} can't be read: it holds no sound")
    return chain([first], pieces)


def _samples(stream: BinaryIO) -> Iterator[Pcm]:
    while data := stream.read(_RAW_BYTES):
        yield np.frombuffer(data[: len(data) // 2 * 2], "<i2")


def record_all(recorder: VoiceMessageRecorder, sound: Iterator[Pcm]) -> VoiceMessageMetadata:
    """Record until the sound ends, the message is full, or Ctrl-C; what came is kept in any case.

    Raises `RecordingFailed`, and `SpeechError` where the sound can't be read any further.
    """
    try:
        for piece in sound:
            recorder.write(piece)
            if recorder.state is not RecorderState.RECORDING:
                break
    except KeyboardInterrupt:
        pass
    except SpeechError:
        recorder.stop()
        raise
    return recorder.stop()


def write_wav(player: VoiceMessagePlayer, output: Path | None) -> None:
    """All that the player gives, as a file or on stdout. Raises `OSError`."""
    if output is None:
        _write_stream(player)
        return
    with output.open("xb") as raw, wave.open(raw, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        while (frame := player.pull(0.0)) is not None:
            file.writeframesraw(frame.tobytes())


def _write_stream(player: VoiceMessagePlayer) -> None:
    """A WAV without an end: in a pipe nobody knows the length before."""
    out = sys.stdout.buffer
    form = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    out.write(b"RIFF" + struct.pack("<I", _ENDLESS) + b"WAVEfmt " + struct.pack("<I", len(form)) + form)
    out.write(b"data" + struct.pack("<I", _ENDLESS - 36))
    while (frame := player.pull(0.0)) is not None:
        out.write(frame.tobytes())
    out.flush()


def is_pipe(file: int) -> bool:
    """Whether somebody reads what is written there, as far as anybody can know."""
    return stat.S_ISFIFO(os.fstat(file).st_mode)


def wait_until_taken(pipe: int) -> None:
    """Return when the reader of a pipe has taken everything. Raises `BrokenPipeError` if it went before."""
    reader = select.poll()
    reader.register(pipe, 0)  # tells of errors alone
    while _waiting(pipe):
        if reader.poll(_LOOK_MS):
            raise BrokenPipeError(f"{_waiting(pipe)} bytes were left")


def _waiting(pipe: int) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def drawn(described: VoiceMessageMetadata, width: int = 50) -> str:
    """The waveform in block characters."""
    levels = described.levels
    step = len(levels) // width
    shown = [max(levels[at : at + step]) for at in range(0, len(levels), step)]
    return "".join(_BARS[-(-level * (len(_BARS) - 1) // 31)] for level in shown)


def length(seconds: float) -> str:
    """Such as 1:05.3."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"

"""Sound that is cheap to make and easy to know again."""

from pathlib import Path

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.messages.recorder import VoiceMessageRecorder
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.sound import OggOpusSound, Sound


def sweep(seconds: float) -> Pcm:
    """A tone that rises by 60 Hz in a second, so that it tells its time."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (9000 * np.sin(2 * np.pi * (300 + 30 * time) * time)).astype(np.int16)


def time_of(pcm: Pcm) -> float:
    """Where in `sweep` this is, in seconds."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), 1 << 17))
    return float((np.argmax(spectrum) * SAMPLE_RATE / (1 << 17) - 300) / 60)


def quiet(seconds: float) -> Pcm:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def record(path: Path, pcm: Pcm, options: RecorderOptions | None = None) -> VoiceMessageRecorder:
    """A recorder that has been given the sound; not stopped yet."""
    recorder = VoiceMessageRecorder(path, options)
    recorder.write(pcm)
    return recorder


def read_all(sound: Sound) -> Pcm:
    """From where it stands to the end."""
    pieces = [quiet(0)]
    while (piece := sound.read()) is not None:
        pieces.append(piece)
    return np.concatenate(pieces)


def sound_in(path: Path) -> Pcm:
    """All of an Ogg Opus file."""
    sound = OggOpusSound(path)
    try:
        return read_all(sound)
    finally:
        sound.close()

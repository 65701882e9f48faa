"""What is said in a message, by the recogniser that calls use, a piece at a time so that calls get their turn."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.messages.sound import open_sound
from hullo.speech.listening.resample import Resampler
from hullo.speech.ports import Recogniser

RATE: Final = 16_000
LONGEST: Final = 20 * RATE
"""Samples that are recognised at once."""
_SOUGHT: Final = 6 * RATE
"""How much of the end of a piece is searched for its quietest moment, to cut there."""
_MOMENT: Final = RATE // 50


async def transcribe(path: Path, recogniser: Recogniser) -> str:
    """The words in a sound file, empty if there are none. Raises `MessageError`, `SpeechError`."""
    pieces = _pieces(path)
    words = []
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        words.append((await recogniser.transcribe(piece)).text.strip())
    return " ".join(word for word in words if word)


def _pieces(path: Path) -> Iterator[Pcm]:
    sound = open_sound(path)
    try:
        resampler = Resampler(SAMPLE_RATE, RATE)
        waiting = np.zeros(0, np.int16)
        while (pcm := sound.read()) is not None:
            waiting = np.concatenate([waiting, resampler.feed(pcm)])
            if len(waiting) > LONGEST:
                cut = quietest_moment(waiting[:LONGEST])
                yield waiting[:cut]
                waiting = waiting[cut:]
        yield np.concatenate([waiting, resampler.finish()])
    finally:
        sound.close()


def quietest_moment(pcm: Pcm) -> int:
    """The middle of the 20 ms with the least power, towards the end of 16 kHz sound."""
    begin = max(len(pcm) - _SOUGHT, 0)
    moments = pcm[begin : begin + (len(pcm) - begin) // _MOMENT * _MOMENT].reshape(-1, _MOMENT).astype(np.float64)
    return begin + int(np.argmin((moments**2).sum(axis=1))) * _MOMENT + _MOMENT // 2

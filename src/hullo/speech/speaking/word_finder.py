"""Has the words found in the sound of a voice that does not tell them, while that sound waits to be heard."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.errors import SpeechError
from hullo.speech.ports import Aligner
from hullo.speech.speaking.playback import Playback

log = logging.getLogger(__name__)

_FIRST_SAMPLES = SAMPLE_RATE
_STEP_SAMPLES = 2 * SAMPLE_RATE
"""A voice that is fast is 3 s ahead of what is heard: words are known in time. For others there is `look`."""
_UNSURE_SECONDS = 0.3
"""At the end of a sound that goes on: what comes next decides which words are there."""
_MOST_WAITING = 16


@dataclass(slots=True, eq=False)
class _Sentence:
    text: str
    playback: Playback
    number: int
    pieces: list[Pcm] = field(default_factory=list)
    samples: int = 0
    next_look: int = _FIRST_SAMPLES
    complete: bool = False


class WordFinder:
    """For one call: whoever makes the sound tells of it, sentence by sentence, and is never held up.

    The sentences wait for `aligner` one after the other, at most 16 (the oldest is given up). Without an aligner, and
    where it fails or finds nothing, the times of words stay estimates.
    """

    def __init__(self, aligner: Aligner | None) -> None:
        self._aligner = aligner
        self._newest: _Sentence | None = None
        self._waiting: deque[_Sentence] = deque(maxlen=_MOST_WAITING)
        self._wanted = asyncio.Event()

    def begin(self, text: str, playback: Playback, number: int) -> None:
        """The sound that follows is of this sentence of `playback`."""
        self._newest = _Sentence(text, playback, number) if self._aligner is not None else None

    def hear(self, piece: Pcm) -> None:
        """More of its sound."""
        sentence = self._newest
        if sentence is None:
            return
        if sentence.playback.words_told:
            self._newest = None
            return
        sentence.pieces.append(piece)
        sentence.samples += len(piece)
        if sentence.samples >= sentence.next_look:
            self.look()

    def end(self) -> None:
        """That was all of it."""
        sentence, self._newest = self._newest, None
        if sentence is not None and sentence.pieces and not sentence.playback.words_told:
            sentence.complete = True
            self._look(sentence)

    def look(self) -> None:
        """Find the words of what has come so far."""
        if self._newest is not None and self._newest.pieces:
            self._look(self._newest)

    def forget(self) -> None:
        """Nobody will hear any of it."""
        self._newest = None
        self._waiting.clear()

    async def run(self) -> None:
        """Do this until cancelled."""
        while self._aligner is not None:
            self._wanted.clear()
            while self._waiting:
                await self._find(self._waiting.popleft(), self._aligner)
            await self._wanted.wait()

    def _look(self, sentence: _Sentence) -> None:
        sentence.next_look = sentence.samples + _STEP_SAMPLES
        if sentence not in self._waiting:
            self._waiting.append(sentence)
        self._wanted.set()

    async def _find(self, sentence: _Sentence, aligner: Aligner) -> None:
        sound, complete = np.concatenate(sentence.pieces), sentence.complete
        sentence.pieces = [sound]
        try:
            words = await aligner.align(sentence.text, sound, complete=complete)
        except SpeechError as error:
            log.debug("The words of a sentence were not found: %s", error)
            return
        known_s = None if complete else len(sound) / SAMPLE_RATE - _UNSURE_SECONDS
        if words:
            sentence.playback.align_words(sentence.number, words, known_s)

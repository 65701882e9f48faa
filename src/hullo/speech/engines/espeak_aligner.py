"""Word times for voices that tell none: eSpeak NG says the same text, and the two sounds are compared."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hullo.media.pcm import Pcm
from hullo.speech.aligning.spectrum import RATE
from hullo.speech.aligning.words import aligned
from hullo.speech.engines.espeak import EspeakVoice
from hullo.speech.errors import SpeechError
from hullo.speech.listening.resample import resample
from hullo.speech.ports import WordTiming

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_VOICES = {"en": "en-us+f2", "zh": "cmn", "no": "nb"}
"""Where eSpeak NG's name for a language is another."""
_REMEMBERED = 16
"""Readings: a sentence that comes slowly is aligned again and again."""


class EspeakAligner:
    """Finds words by the reading of `voice`, in whatever language. One call at a time, from one thread."""

    def __init__(self, voice: EspeakVoice) -> None:
        self._voice = voice
        self._reading = lru_cache(_REMEMBERED)(self._read)

    def align(self, text: str, language: str, sound: Pcm, *, complete: bool) -> Sequence[WordTiming]:
        """When each word of `text` begins in `sound` (16 kHz), or in the beginning of it that `sound` is.

        Empty when the sound is not of this text, as far as one can hear. Raises `SpeechError` for a language that
        eSpeak NG does not speak.
        """
        reference, words = self._reading(text, language)
        return aligned(sound, reference, words, complete=complete) or ()

    def _read(self, text: str, language: str) -> tuple[Pcm, Sequence[WordTiming]]:
        """The sound at 16 kHz, and its words."""
        name = language.lower().replace("_", "-")
        if not _LANGUAGE.fullmatch(name):
            raise SpeechError(f"'{language}' is not a language: 'en' or 'de-AT' are some")
        family = name.partition("-")[0]
        refusal = None
        for voice in dict.fromkeys([_VOICES.get(name, name), _VOICES.get(family, family)]):
            try:
                return self._said(text, voice)
            except SpeechError as error:
                refusal = error
        raise SpeechError(f"eSpeak NG does not speak '{language}'") from refusal

    def _said(self, text: str, voice: str) -> tuple[Pcm, Sequence[WordTiming]]:
        sound: list[bytes] = []
        told: list[WordTiming] = []

        def emit(block: bytes, words: Sequence[WordTiming] = (), /) -> bool:
            sound.append(block)
            told.extend(words)
            return True

        self._voice.synthesise(text, voice, None, emit)
        return resample(np.frombuffer(b"".join(sound), dtype=np.int16), self._voice.rate, RATE), told

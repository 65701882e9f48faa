"""Phrases whose sound is made before it is needed: in memory, and on disk for the next time."""

import asyncio
import hashlib
import json
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hullo.folders import cache_path
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.ports import OnWords, Voice, WordTiming, unheard
from hullo.speech.speaking.sentences import sentences

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024 * 1024
"""On disk: eleven minutes of speech. What was not used for longest goes first."""
_MOST_IN_MEMORY = 64
_LONGEST_SAMPLES = 30 * SAMPLE_RATE
_PIECE_SAMPLES = SAMPLE_RATE // 4


class Phrase(msgspec.Struct, frozen=True):
    """The sound of a sentence, 48 kHz mono as little-endian 16 bit, and when its words begin."""

    sound: bytes
    words: list[WordTiming]


def default_phrase_folder() -> Path:
    """`$XDG_CACHE_HOME/hullo/phrases`, or `~/.cache/hullo/phrases`."""
    return cache_path("phrases")


def phrase_key(engine: str, options: Mapping[str, Any], text: str) -> str:
    """The name of a phrase: another engine, voice or speed makes another one."""
    spoken = [engine, sorted((name, str(value)) for name, value in options.items() if name != "key"), text]
    return hashlib.sha256(json.dumps(spoken).encode()).hexdigest()


class PhraseFolder:
    """A folder (0700) of phrases. It only saves time: whatever is wrong with it is logged, and no error."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, key: str) -> Phrase | None:
        """The phrase, if it is there and whole."""
        path = self._folder / key
        try:
            found = msgspec.msgpack.decode(path.read_bytes(), type=Phrase)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("a phrase in %s can't be used: %s", self._folder, error)
            return None
        return found if len(found.sound) % 2 == 0 else None

    def put(self, key: str, phrase: Phrase) -> None:
        """Keep a phrase, and let the oldest go when there are too many."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._folder.stat().st_mode & 0o077 or self._folder.stat().st_uid != os.getuid():
                raise PermissionError("others may read it: chmod 700 it")
            made = self._folder / f".{key}.{os.getpid()}"
            made.write_bytes(msgspec.msgpack.encode(phrase))
            made.chmod(0o600)
            made.rename(self._folder / key)
            self._shrink()
        except OSError as error:
            logger.warning("phrases are not kept in %s: %s", self._folder, error)

    def _shrink(self) -> None:
        files = sorted(((path.stat(), path) for path in self._folder.iterdir()), key=lambda one: one[0].st_mtime)
        size = sum(found.st_size for found, _ in files)
        for found, path in files:
            if size <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            size -= found.st_size


class PreparedVoice:
    """A `Voice` that says at once what was prepared, and has the rest said by `voice`."""

    def __init__(
        self, voice: Voice, engine: str, options: Mapping[str, Any], folder: PhraseFolder | None = None
    ) -> None:
        self._voice = voice
        self._engine = engine
        self._options = options
        self._folder = folder
        self._ready: OrderedDict[str, Phrase] = OrderedDict()

    async def prepare(self, text: str) -> None:
        """Have the sentences of `text` ready. Raises `SpeechError`. What is longer than 30 s is left out."""
        for sentence in sentences(text):
            key = self._key(sentence)
            if key in self._ready:
                continue
            phrase = await asyncio.to_thread(self._folder.get, key) if self._folder is not None else None
            if phrase is None:
                phrase = await self._made(sentence)
                if self._folder is not None and len(phrase.sound) <= 2 * _LONGEST_SAMPLES:
                    await asyncio.to_thread(self._folder.put, key, phrase)
            if len(phrase.sound) <= 2 * _LONGEST_SAMPLES:
                self._ready[key] = phrase
                if len(self._ready) > _MOST_IN_MEMORY:
                    self._ready.popitem(last=False)

    async def synthesise(self, text: str, on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """See `Voice.synthesise`."""
        key = self._key(text)
        if (phrase := self._ready.get(key)) is not None:
            self._ready.move_to_end(key)
            on_words(phrase.words)
            sound = np.frombuffer(phrase.sound, dtype="<i2").astype(np.int16, copy=False)
            for at in range(0, len(sound), _PIECE_SAMPLES):
                yield sound[at : at + _PIECE_SAMPLES]
            return
        async with aclosing(self._voice.synthesise(text, on_words)) as pieces:
            async for piece in pieces:
                yield piece

    def stream(self, pieces: AsyncIterator[str], on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """See `Voice.stream`."""
        return self._voice.stream(pieces, on_words)

    def _key(self, sentence: str) -> str:
        return phrase_key(self._engine, self._options, sentence)

    async def _made(self, sentence: str) -> Phrase:
        words: list[WordTiming] = []
        async with aclosing(self._voice.synthesise(sentence, words.extend)) as pieces:
            sound = [piece.astype("<i2").tobytes() async for piece in pieces]
        return Phrase(b"".join(sound), words)

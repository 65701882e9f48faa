"""Which words lie at which place of an utterance's sound. Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

import numpy as np

from hullo.media.pcm import SAMPLE_RATE

_SAMPLES_PER_LETTER = SAMPLE_RATE // 15
"""Of a text whose sound is not there yet: 15 letters a second."""
_PAUSE_LETTERS = 3
_WORD = re.compile(r"\S+")


class TimingSource(StrEnum):
    """Where the times of words come from: the voice told them, they were found in its sound by comparing that with
    another voice's that tells, or they are estimated by the length of words. From the best to the worst."""

    VOICE = "voice"
    ALIGNED = "aligned"
    ESTIMATE = "estimate"


_WORST_LAST = list(TimingSource)


@dataclass(slots=True)
class _Sentence:
    text: str
    start: int
    end: int | None = None
    words: list[re.Match[str]] = field(init=False)
    marks: dict[int, int] = field(default_factory=dict)
    """Where a word is known to begin: its place among the words, and the sample."""
    marked: int = 0
    """Letters of the text before the last word marked."""
    told: bool = False
    known_to: int | None = None
    """Where the sound ends in which words were looked for, when that was not all of it."""

    def __post_init__(self) -> None:
        self.words = list(_WORD.finditer(self.text))

    def timing(self, at: int) -> TimingSource:
        """Where the times of the words up to a sample come from."""
        if self.told:
            return TimingSource.VOICE
        known = bool(self.marks) and (self.known_to is None or at <= self.known_to)
        return TimingSource.ALIGNED if known else TimingSource.ESTIMATE

    def mark(self, word: str, after: int) -> None:
        """The next `word` begins so far in the sound."""
        letter = self.text.find(word, self.marked)
        if letter < 0:
            return
        self.marked = letter + len(word)
        number = bisect_right([one.start() for one in self.words], letter) - 1
        if number >= 0:
            self.marks.setdefault(number, self.start + after)

    def begins(self, received: int) -> list[int]:
        """The sample at which each word begins, and that at which the last one ends.

        What is not known lies between what is, by the length of the words.
        """
        weights = [len(word.group()) + 1 + _PAUSE_LETTERS * (word.group()[-1] in ",;:") for word in self.words]
        letters = list(accumulate(weights, initial=0))
        length = received - self.start if self.end is None else self.end - self.start
        if self.end is None:
            length = max(length, letters[-1] * _SAMPLES_PER_LETTER)
        known = {0: self.start} | self.marks | {len(weights): self.start + length}
        numbers = sorted(known)
        places = np.minimum.accumulate([known[number] for number in reversed(numbers)])[::-1]
        begins = np.interp(letters, [letters[number] for number in numbers], places)
        return [int(begin) for begin in begins.round()]


class Wording:
    """The sentences of an utterance, where each begins in its sound, and the words in them. Places are in samples."""

    def __init__(self) -> None:
        self._sentences: list[_Sentence] = []

    @property
    def told(self) -> bool:
        """Whether the voice tells the times of the newest sentence's words."""
        return self._sentences[-1].told

    def begin(self, sentence: str, at: int) -> int:
        """The sound of `sentence` begins at a place; its number for `align`."""
        self._sentences.append(_Sentence(sentence, at))
        return len(self._sentences) - 1

    def mark(self, word: str, after: int) -> None:
        """The voice says that the next `word` of the newest sentence begins so far in its sound. Strange ones are
        passed over: voices also name what they read a sign or a number as."""
        sentence = self._sentences[-1]
        sentence.mark(word, after)
        sentence.told = bool(sentence.marks)

    def align(self, number: int, words: Iterable[tuple[str, int]], until: int | None) -> None:
        """In the sound of a sentence, or in so much of it, `words` were found so far from its beginning.

        Unless the voice told better. What was found before, in less sound, is forgotten.
        """
        sentence = self._sentences[number]
        if sentence.told:
            return
        sentence.marks, sentence.marked = {}, 0
        sentence.known_to = None if until is None else sentence.start + until
        for word, after in words:
            sentence.mark(word, after)

    def end(self, at: int) -> None:
        """The sound of the newest sentence is complete and ends at a place."""
        self._sentences[-1].end = at

    def timing(self, at: int) -> TimingSource:
        """Where the times of the words up to a place come from: the worst of its sentences."""
        begun = [sentence for number, sentence in enumerate(self._sentences) if number == 0 or sentence.start < at]
        sources = [sentence.timing(at) for sentence in begun]
        return max(sources, key=_WORST_LAST.index, default=TimingSource.ESTIMATE)

    def heard(self, at: int, received: int) -> str:
        """The words whose sound is over at a place, when so much sound is there in all."""
        words: list[str] = []
        for sentence in self._sentences:
            if sentence.end is not None and sentence.end <= at:
                words += [word.group() for word in sentence.words]
                continue
            ends = sentence.begins(received)[1:]
            words += [word.group() for word, end in zip(sentence.words, ends, strict=True) if end <= at]
        return " ".join(words)

    def word_begin(self, at: int, received: int) -> int | None:
        """Where the word begins that sounds at a place; None when that would be an estimate."""
        begun = [sentence for sentence in self._sentences if sentence.start <= at]
        if not begun or begun[-1].timing(at) is TimingSource.ESTIMATE:
            return None
        begins = [begin for sentence in begun for begin in sentence.begins(received)[:-1] if begin <= at]
        return begins[-1] if begins else None

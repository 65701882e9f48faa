"""Which words lie at which place of an utterance's sound. Pure."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

from hullo.media.pcm import SAMPLE_RATE

_SAMPLES_PER_LETTER = SAMPLE_RATE // 15
"""Of a text whose sound is not there yet: 15 letters a second."""
_PAUSE_LETTERS = 3
_WORD = re.compile(r"\S+")


class TimingSource(StrEnum):
    """Where the times of words come from: the voice told them, or they are estimated by the length of words."""

    VOICE = "voice"
    ESTIMATE = "estimate"


@dataclass(slots=True)
class _Sentence:
    text: str
    start: int
    end: int | None = None
    words: list[re.Match[str]] = field(init=False)
    marks: dict[int, int] = field(default_factory=dict)
    """Where the voice said that a word begins: its place among the words, and the sample."""
    marked: int = 0
    """Letters of the text before the last word marked."""

    def __post_init__(self) -> None:
        self.words = list(_WORD.finditer(self.text))

    def begins(self, received: int) -> list[int]:
        """The sample at which each word begins, and that at which the last one ends."""
        begins = []
        last = self.start
        for number, guess in enumerate(self._estimate(received)):
            last = self.marks.get(number, max(last, guess))
            begins.append(last)
        # An estimate may lie behind what is told of the words after it.
        return list(accumulate(reversed(begins), min))[::-1]

    def _estimate(self, received: int) -> list[int]:
        weights = [len(word.group()) + 1 + _PAUSE_LETTERS * (word.group()[-1] in ",;:") for word in self.words]
        total = sum(weights)
        length = (
            self.end - self.start if self.end is not None else max(received - self.start, total * _SAMPLES_PER_LETTER)
        )
        begins, sum_so_far = [self.start], 0
        for weight in weights:
            sum_so_far += weight
            begins.append(self.start + round(length * sum_so_far / max(total, 1)))
        return begins


class Wording:
    """The sentences of an utterance, where each begins in its sound, and the words in them. Places are in samples."""

    def __init__(self) -> None:
        self._sentences: list[_Sentence] = []

    def begin(self, sentence: str, at: int) -> None:
        """The sound of `sentence` begins at a place."""
        self._sentences.append(_Sentence(sentence, at))

    def mark(self, word: str, after: int) -> None:
        """The voice says that the next `word` of the newest sentence begins so far in its sound. Strange ones are
        passed over: voices also name what they read a sign or a number as."""
        sentence = self._sentences[-1]
        letter = sentence.text.find(word, sentence.marked)
        if letter < 0:
            return
        sentence.marked = letter + len(word)
        number = bisect_right([one.start() for one in sentence.words], letter) - 1
        if number >= 0:
            sentence.marks.setdefault(number, sentence.start + after)

    def end(self, at: int) -> None:
        """The sound of the newest sentence is complete and ends at a place."""
        self._sentences[-1].end = at

    @property
    def timing(self) -> TimingSource:
        """Where the times of the words come from; `VOICE` when it told those of every sentence."""
        told = bool(self._sentences) and all(sentence.marks for sentence in self._sentences)
        return TimingSource.VOICE if told else TimingSource.ESTIMATE

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

    def word_begin(self, at: int, received: int) -> int:
        """Where the word begins that sounds at a place; the place itself when there are no words."""
        found = at
        for sentence in self._sentences:
            begins = [begin for begin in sentence.begins(received)[:-1] if begin <= at]
            found = begins[-1] if begins else found
        return found

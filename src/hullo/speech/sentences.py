"""Cutting a text to speak into pieces that a voice takes one by one."""

import re
from collections.abc import AsyncIterator, Iterator

_LONGEST = 400
_END_OF_SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+|\n+")


def sentences(text: str, longest: int = _LONGEST) -> Iterator[str]:
    """The sentences of `text` without outer white space; longer ones are cut at a comma, a space, or anywhere."""
    for sentence in _END_OF_SENTENCE.split(text):
        rest = sentence.strip()
        while len(rest) > longest:
            cut = _last_break(rest, longest)
            yield rest[:cut].strip()
            rest = rest[cut:].strip()
        if rest:
            yield rest


class SentenceCutter:
    """The same for a text that comes in pieces, such as the tokens of a language model."""

    def __init__(self) -> None:
        self._rest = ""

    @staticmethod
    async def cut(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
        """The sentences of all `pieces`, each as soon as what follows shows that it is complete."""
        cutter = SentenceCutter()
        async for piece in pieces:
            for sentence in cutter.feed(piece):
                yield sentence
        for sentence in cutter.finish():
            yield sentence

    def feed(self, piece: str) -> list[str]:
        """The sentences that `piece` completes: white space after the mark shows it, "3." may become "3.5"."""
        self._rest += piece
        ends = [match.end() for match in _END_OF_SENTENCE.finditer(self._rest)]
        # Text without any mark must not wait for one for ever.
        end = ends[-1] if ends else (len(self._rest) if len(self._rest) > 2 * _LONGEST else 0)
        complete, self._rest = self._rest[:end], self._rest[end:]
        return list(sentences(complete))

    def finish(self) -> list[str]:
        """What is left, now that no more comes."""
        rest, self._rest = self._rest, ""
        return list(sentences(rest))


def _last_break(text: str, longest: int) -> int:
    for mark in (", ", "; ", " "):
        at = text.rfind(mark, longest // 2, longest)
        if at > 0:
            return at + len(mark)
    return longest

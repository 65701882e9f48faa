"""Cutting a text to speak into pieces that a voice takes one by one, also while the text is still coming. Pure."""

import re
from collections.abc import AsyncIterator, Iterator

_LONGEST = 400
_MARKS = ".!?…。！？"
_CLOSERS = "\"')]»”’"
_CLOSER = re.escape(_CLOSERS)
_END_OF_SENTENCE = re.compile(rf"(?:(?<=[{_MARKS}])[{_CLOSER}]*)\s+|\n+|(?<=[。！？])(?=[^\s{_CLOSER}{_MARKS}])")
_GOES_ON = re.compile(r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|Nr|vs|e\.g|i\.e|z\.B|bzw|ca|approx|[A-HJ-Z])\.$|^\d+\.$")
_MAY_GO_ON = re.compile(r"\d\.$")


def sentences(text: str, longest: int = _LONGEST) -> Iterator[str]:
    """The sentences of `text` without outer white space; longer ones are cut at a comma, a space, or anywhere."""
    cutter = SentenceCutter(longest)
    yield from cutter.feed(text)
    yield from cutter.finish()


class SentenceCutter:
    """Takes a text as it comes and gives its sentences as soon as they are certain to be complete.

    A full stop behind an abbreviation ends no sentence. `feed` waits for the white space behind a mark, since "3."
    may become "3.14"; `settle` is for when nothing has come for a moment.
    """

    def __init__(self, longest: int = _LONGEST) -> None:
        self._longest = longest
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

    @property
    def settles(self) -> bool:
        """Whether what waits looks like a whole sentence."""
        text = self._rest.rstrip().rstrip(_CLOSERS)
        return bool(text) and text[-1] in _MARKS and not (_GOES_ON.search(text) or _MAY_GO_ON.search(text))

    def feed(self, text: str) -> list[str]:
        """More text; the pieces that it completes."""
        self._rest += text
        done, start = [], 0
        for end in _END_OF_SENTENCE.finditer(self._rest):
            piece = self._rest[start : end.start()] + self._rest[end.start() : end.end()].rstrip()
            if "\n" not in end.group() and _GOES_ON.search(piece.strip()):
                continue
            done.append(piece)
            start = end.end()
        self._rest = self._rest[start:]
        if len(self._rest) > self._longest:
            *cut, self._rest = _shortened(self._rest.lstrip(), self._longest)
            done += cut
        return [piece for sentence in done for piece in _shortened(sentence.strip(), self._longest) if piece]

    def settle(self) -> list[str]:
        """What waits, if it looks like a whole sentence."""
        return self.finish() if self.settles else []

    def finish(self) -> list[str]:
        """What waits, whatever it looks like: nothing more comes."""
        rest, self._rest = self._rest.strip(), ""
        return [piece for piece in _shortened(rest, self._longest) if piece]


def _shortened(text: str, longest: int) -> list[str]:
    pieces = []
    while len(text) > longest:
        cut = _last_break(text, longest)
        pieces.append(text[:cut].strip())
        text = text[cut:].lstrip()
    return [*pieces, text]


def _last_break(text: str, longest: int) -> int:
    for mark in (", ", "; ", " "):
        at = text.rfind(mark, longest // 2, longest)
        if at > 0:
            return at + len(mark)
    return longest

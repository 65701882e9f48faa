"""Cutting a text to speak into pieces that a voice takes one by one."""

import re
from collections.abc import Iterator

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


def _last_break(text: str, longest: int) -> int:
    for mark in (", ", "; ", " "):
        at = text.rfind(mark, longest // 2, longest)
        if at > 0:
            return at + len(mark)
    return longest

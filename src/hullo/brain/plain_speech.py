"""Takes out of an answer what chat models write for the eye: voices read "**no**" as "asterisk asterisk". Pure."""

import re
import unicodedata
from enum import Enum, auto

_OPEN, _CLOSE = "<think>", "</think>"
_MARKUP = re.compile(r"(?<=\n)(?:#{1,6}|\*)\s+|(?<=\S)\*+|\*+(?=\S)|`+")
"""A heading, a bullet, emphasis, code. A star between spaces multiplies."""
_UNDECIDED = re.compile(r"(?:[*#]+|(?<=\n)(?:#{1,6}|\*)\s+)\Z")
_FIRST_PICTURE = 0x2190
"""Symbols below are read, such as that of degrees."""
_JOINER = "\u200d"


class _State(Enum):
    BEGINNING = auto()
    THINKING = auto()
    THOUGHT = auto()
    SPEAKING = auto()


class PlainSpeech:
    """An answer in pieces, without emphasis, headings, emoji, and the thoughts that some models write before it.

    What depends on the letter that follows waits for it: a few signs at most.
    """

    def __init__(self) -> None:
        self._state = _State.BEGINNING
        self._held = ""
        self._before = "\n"
        self._picture = False

    def feed(self, piece: str) -> str:
        """More of the answer; what of it is to be said."""
        text, self._held = self._held + piece, ""
        if self._state is not _State.SPEAKING:
            text = self._without_thoughts(text)
        undecided = _UNDECIDED.search(self._before + text, 1)
        cut = len(text) if undecided is None else undecided.start() - 1
        if self._state is _State.SPEAKING:
            self._held = text[cut:]
        return self._plain(text[:cut])

    def finish(self) -> str:
        """That was all; the rest of what is to be said."""
        rest, self._held = self._held, ""
        return "" if self._state is _State.THINKING else self._plain(rest)

    def _without_thoughts(self, text: str) -> str:
        """What is to be said already; the rest is held."""
        if self._state is _State.BEGINNING:
            begun = text.lstrip()
            if len(begun) < len(_OPEN) and _OPEN.startswith(begun):
                self._held = text
                return ""
            self._state = _State.THINKING if begun.startswith(_OPEN) else _State.SPEAKING
        if self._state is _State.THINKING:
            _, closed, rest = text.partition(_CLOSE)
            if not closed:
                self._held = text[1 - len(_CLOSE) :]
                return ""
            self._state, text = _State.THOUGHT, rest
        if self._state is _State.THOUGHT:
            text = text.lstrip()
            self._state = _State.SPEAKING if text else _State.THOUGHT
        return text

    def _plain(self, text: str) -> str:
        if not text:
            return ""
        said, kept = self._before + text, 1
        self._before = text[-1]
        plain = ""
        for markup in _MARKUP.finditer(said, 1):
            plain += said[kept : markup.start()]
            kept = markup.end()
        return "".join(letter for letter in plain + said[kept:] if not self._is_picture(letter))

    def _is_picture(self, letter: str) -> bool:
        joins = letter == _JOINER and self._picture
        self._picture = joins or (
            ord(letter) >= _FIRST_PICTURE
            and (unicodedata.category(letter) == "So" or letter == "\ufe0f" or "\U0001f3fb" <= letter <= "\U0001f3ff")
        )
        return self._picture

"""How a brain ends a call: an answer with "[hang up]" in it is the last one. Pure."""

import re

_MARK = re.compile(r"\[\s{0,4}hang[ _-]?up\s{0,4}\]", re.IGNORECASE)
_BEGUN = re.compile(r"\[[\s\w-]{0,20}\Z")


class HangUpMark:
    """Takes the marks out of an answer in pieces; what may be the beginning of one is held back."""

    def __init__(self) -> None:
        self.found = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """More of the answer; what of it is to be said."""
        text = self._without_marks(self._held + piece)
        begun = _BEGUN.search(text)
        cut = len(text) if begun is None else begun.start()
        self._held = text[cut:]
        return text[:cut]

    def finish(self) -> str:
        """That was all; the rest of what is to be said."""
        rest, self._held = self._held, ""
        return rest

    def _without_marks(self, text: str) -> str:
        while mark := _MARK.search(text):
            self.found = True
            text = text[: mark.start()] + text[mark.end() :]
        return text

"""A list on the screen that changes while somebody chooses: the mark stays on what it was on."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from hullo.terminal.wording import printable


def plain(text: str) -> Content:
    """A text as it is, also of others: no markup is taken out of it, and nothing in it moves the cursor."""
    return Content(printable(text))


class ShownList:
    """Lines, each for a key; what is chosen is what was shown, whatever has come since."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._lines: list[str] = []

    def show(self, options: OptionList, keys: Sequence[str], lines: Sequence[str]) -> None:
        """Show these; nothing is drawn when they are there already."""
        if (self._keys, self._lines) == ([*keys], [*lines]):
            return
        marked = self.key(options.highlighted)
        self._keys, self._lines = [*keys], [*lines]
        options.set_options(Option(plain(line)) for line in lines)
        options.highlighted = self._keys.index(marked) if marked in self._keys else 0 if keys else None

    def key(self, index: int | None) -> str | None:
        """The key of a line; None if there is none."""
        return None if index is None or index >= len(self._keys) else self._keys[index]

"""The words of one turn, which may be longer than the recogniser's window. Pure."""


class SpokenTurn:
    """Joins the texts of the segments that one turn was cut into."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._started_at: float | None = None

    def began(self, started_at: float) -> float:
        """When the turn began that a segment from `started_at` on belongs to."""
        return started_at if self._started_at is None else self._started_at

    @property
    def text(self) -> str:
        """The text so far."""
        return " ".join(self._texts)

    def with_more(self, text: str) -> str:
        """The text so far with `text` after it."""
        return " ".join([*self._texts, text]).strip()

    def add(self, started_at: float, text: str) -> None:
        """One part more, and more to come; `text` is empty when it was not understood."""
        self._started_at = self.began(started_at)
        if text:
            self._texts.append(text)

    def finish(self, text: str) -> str:
        """The last part; the whole text. What comes next is another turn."""
        whole = self.with_more(text)
        self._texts, self._started_at = [], None
        return whole

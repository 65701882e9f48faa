"""Waits that the server imposed, by method: further requests are refused here, not there."""

from hullo.lines.telegram.port import TelegramError


class FloodWaits:
    """Remembers them; `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, TelegramError]] = {}

    def note(self, method: str, error: TelegramError, now: float) -> None:
        """The server answered a method with an error; counts if that says how long to wait."""
        if error.retry_after is not None:
            self._until[method] = (now + error.retry_after, error)

    def check(self, method: str, now: float) -> None:
        """Raises the error again, with what is left of the wait, while there is something left."""
        until, error = self._until.get(method, (now, None))
        if error is not None and until > now:
            raise TelegramError(error.name, error.code, until - now)

    def describe(self, now: float) -> str:
        """The waits that are left, as words; empty if there are none."""
        left = [f"{method} {until - now:.0f} s" for method, (until, _) in self._until.items() if until > now]
        return "Telegram asks to wait: " + ", ".join(left) if left else ""

"""What became of messages, in order, for devices that were away (core.telegram.org/api/updates)."""

from dataclasses import dataclass

from hullo.demo.loopback_telegram.files import SentDocument


@dataclass(frozen=True)
class Happening:
    """One change, of which a member is told: a message that came, or messages of theirs that were listened to."""

    pts: int
    user_id: int
    came: SentDocument | None = None
    heard: tuple[int, ...] = ()


class History:
    """One count (`pts`) for all members: it only has to grow."""

    def __init__(self) -> None:
        self._happenings: list[Happening] = []

    @property
    def pts(self) -> int:
        """How far it has come."""
        return 1 + len(self._happenings)

    def add(self, user_id: int, *, came: SentDocument | None = None, heard: tuple[int, ...] = ()) -> Happening:
        """One more."""
        happening = Happening(self.pts + 1, user_id, came, heard)
        self._happenings.append(happening)
        return happening

    def since(self, pts: int, user_id: int) -> list[Happening]:
        """What a member who has read up to `pts` does not know yet."""
        return [one for one in self._happenings[max(0, pts - 1) :] if one.user_id == user_id]

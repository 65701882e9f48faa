"""How far the updates of an account have been read: kept on disk, so that a new start is told what came meanwhile."""

from pathlib import Path

import msgspec

from hullo.lines.telegram.account.session_file import SessionFileError, read_private, write_private


class UpdateState(msgspec.Struct, frozen=True):
    """updates.state, as far as it is asked for again (core.telegram.org/api/updates)."""

    pts: int
    qts: int
    date: int
    """Unix time."""


class _Kept(msgspec.Struct, frozen=True):
    user_id: int
    state: UpdateState


class UpdateStateFile:
    """The file beside the session file; of another account it counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: _Kept | None = None

    def load(self, user_id: int) -> UpdateState | None:
        """What was kept; None if nothing was, or nothing that we can use."""
        try:
            kept = msgspec.json.decode(read_private(self._path), type=_Kept)
        except (OSError, SessionFileError, msgspec.DecodeError, msgspec.ValidationError):
            return None
        return kept.state if kept.user_id == user_id else None

    def save(self, user_id: int, state: UpdateState) -> None:
        """Keep it, if it is new. Raises `OSError`."""
        kept = _Kept(user_id, state)
        if kept != self._kept:
            write_private(self._path, msgspec.json.encode(kept))
            self._kept = kept

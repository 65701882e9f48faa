"""The people an account knows: looked up once, then remembered, because Telegram punishes much looking up."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from hullo.lines.telegram.account.session_file import SessionFileError, read_private, write_private
from hullo.lines.telegram.port import User

MOST = 5000
USERNAME_GOOD_FOR = 24 * 3600.0
"""Seconds; usernames can go to somebody else."""


class _Known(msgspec.Struct):
    user: User
    seen: float
    """Unix time when the server last said who that is."""


class People:
    """Users by id and by name. `path` is where they are kept between runs; None keeps them in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._by_id: dict[int, _Known] = {}
        self._changed = False

    def load(self) -> None:
        """Read what was saved. A file that is not there or not ours to read is as good as empty."""
        if self._path is None:
            return
        try:
            known = msgspec.json.decode(read_private(self._path), type=list[_Known])
        except (OSError, SessionFileError, msgspec.DecodeError, msgspec.ValidationError):
            return
        self._by_id = {one.user.id: one for one in known}

    def save(self) -> None:
        """Write everything, if anything is new. Raises `OSError`."""
        if self._path is not None and self._changed:
            write_private(self._path, msgspec.json.encode(list(self._by_id.values())))
            self._changed = False

    def remember(self, users: Iterable[User], now: float) -> None:
        """The server has told us of them, at Unix time `now`."""
        for user in users:
            self._by_id.pop(user.id, None)
            self._by_id[user.id] = _Known(user, now)
            self._changed = True
        while len(self._by_id) > MOST:
            del self._by_id[next(iter(self._by_id))]

    def by_id(self, user_id: int) -> User | None:
        """Somebody by their id."""
        known = self._by_id.get(user_id)
        return None if known is None else known.user

    def by_username(self, username: str, now: float) -> User | None:
        """Somebody by their name without the @, unless it was long ago that they were known by it."""
        for known in reversed(self._by_id.values()):
            name = known.user.username
            if name is not None and name.lower() == username.lower() and now - known.seen < USERNAME_GOOD_FOR:
                return known.user
        return None

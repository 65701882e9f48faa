"""From `@name`, user id or phone number to somebody who can be called."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from hullo.lines.telegram.account import translate
from hullo.lines.telegram.account.people import People
from hullo.lines.telegram.port import TelegramError, UnknownUser, User


class Ask(Protocol):
    """Calls a TL method by name."""

    def __call__(self, name: str, **fields: Any) -> Awaitable[Any]: ...


_CONTACTS_GOOD_FOR = 300.0
_NOBODY = ("USERNAME_NOT_OCCUPIED", "USERNAME_INVALID")


class Lookup:
    """Asks the server only for whom it does not remember. Phone numbers are found among the contacts only."""

    def __init__(self, people: People, ask: Ask, wall_clock: Callable[[], float] = time.time) -> None:
        self._people = people
        self._ask = ask
        self._wall_clock = wall_clock
        self._phones: dict[str, int] = {}
        self._contacts_read: float | None = None

    async def find(self, to: str) -> User:
        """Somebody. Raises `UnknownUser`, `TelegramError`."""
        text = to.strip()
        digits = "".join(character for character in text if character not in "+ -()")
        if text.startswith("@"):
            return await self._by_username(text[1:])
        if not digits.isascii() or not digits.isdigit():
            raise UnknownUser(f"{to!r} is nobody's address: use @name, a user id, or +number of a contact")
        return await (self._by_phone(digits) if text.startswith("+") else self._by_id(int(digits)))

    def learn(self, users: list[Any]) -> None:
        """Remember the users that came with an answer or an update."""
        known = [user for user in map(translate.user, users) if user is not None]
        self._people.remember(known, self._wall_clock())

    async def _by_username(self, username: str) -> User:
        known = self._people.by_username(username, self._wall_clock())
        if known is not None:
            return known
        try:
            found = await self._ask("contacts.resolveUsername", username=username)
        except TelegramError as error:
            if error.name not in _NOBODY:
                raise
            raise UnknownUser(f"nobody on Telegram is called @{username}") from None
        self.learn(found.users)
        person = self._people.by_username(username, self._wall_clock())
        if person is None:
            raise UnknownUser(f"@{username} is a group or a channel: only people can be called")
        return person

    async def _by_id(self, user_id: int) -> User:
        known = self._people.by_id(user_id)
        if known is None:
            await self._read_contacts()
            known = self._people.by_id(user_id)
        if known is None:
            raise UnknownUser(f"user {user_id} is not known to this account: use their @name, or add them as a contact")
        return known

    async def _by_phone(self, digits: str) -> User:
        if digits not in self._phones:
            await self._read_contacts()
        known = self._people.by_id(self._phones.get(digits, 0))
        if known is None:
            raise UnknownUser("no contact of this account has that number: add it in Telegram, or use their @name")
        return known

    async def _read_contacts(self) -> None:
        now = self._wall_clock()
        if self._contacts_read is not None and now - self._contacts_read < _CONTACTS_GOOD_FOR:
            return
        answer = await self._ask("contacts.getContacts", hash=0)
        self._contacts_read = now
        self.learn(answer.users)
        self._phones = {user.phone: user.id for user in answer.users if getattr(user, "phone", None)}

"""What keeps an account from being limited or banned, and strangers from ringing. Pure: time comes as `now`."""

from collections import deque
from collections.abc import Collection
from enum import StrEnum

import msgspec

from hullo.lines.telegram.account.errors import ENDED
from hullo.lines.telegram.port import TelegramError, User

_HOUR = 3600.0


class Incoming(StrEnum):
    """Who may ring."""

    CONTACTS = "contacts"
    ALLOWLIST = "allowlist"
    OPEN = "open"
    OFF = "off"


class SafetyRules(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one account."""

    calls_per_hour: int = 20
    same_person_pause: float = 60.0
    """Seconds between two calls to the same person."""
    incoming: Incoming = Incoming.CONTACTS
    allowed: tuple[str, ...] = ()
    """For `allowlist`: `@names` and user ids."""


_REFUSED_FOR_GOOD = {
    "USER_PRIVACY_RESTRICTED": "their privacy settings keep you from calling: ask them to add you to their contacts",
    "USER_IS_BLOCKED": "they have blocked this account",
    "INPUT_USER_DEACTIVATED": "their account was deleted",
}
_LIMITED = {
    "PEER_FLOOD": "Telegram has limited this account for bothering people: ask @SpamBot, and wait",
    "FROZEN_METHOD_INVALID": "Telegram has frozen this account: open it in the app to see why",
    **ENDED,
}


class CallSafety:
    """Implements `Safety` for one account. What it learns from errors it keeps until the process ends."""

    def __init__(self, rules: SafetyRules) -> None:
        self._rules = rules
        self._placed: deque[float] = deque()
        self._last_call: dict[int, float] = {}
        self._never: dict[int, str] = {}
        self._stopped: str | None = None
        self._wait_until = 0.0

    def refuse_outgoing(self, user: User, now: float) -> str | None:
        """See `Safety.refuse_outgoing`."""
        if self._stopped is not None:
            return self._stopped
        if user.is_bot:
            return f"{label(user)} is a bot, and bots take no calls"
        if user.id in self._never:
            return f"{label(user)} can't be called: {self._never[user.id]}"
        if now < self._wait_until:
            return f"Telegram asked for a pause: try again in {_duration(self._wait_until - now)}"
        return self._too_soon(user, now) or self._too_many(now)

    def outgoing(self, user: User, now: float) -> None:
        """See `Safety.outgoing`."""
        self._placed.append(now)
        self._last_call[user.id] = now
        self._last_call = {one: at for one, at in self._last_call.items() if now - at < self._rules.same_person_pause}

    def refuse_incoming(self, user: User, now: float) -> str | None:
        """See `Safety.refuse_incoming`."""
        match self._rules.incoming:
            case Incoming.OPEN:
                return None
            case Incoming.OFF:
                return 'this account takes no calls: set incoming to "contacts" to change that'
            case Incoming.ALLOWLIST:
                listed = is_listed(user, self._rules.allowed)
                return None if listed else f"{label(user)} is not on the allowlist: add them to `allow`"
            case Incoming.CONTACTS:
                known = user.is_contact
                return None if known else f"{label(user)} is not a contact of this account: add them in Telegram"

    def failed(self, user: User | None, error: TelegramError, now: float) -> None:
        """See `Safety.failed`."""
        if error.name in _LIMITED:
            self._stopped = _LIMITED[error.name]
        elif error.name in _REFUSED_FOR_GOOD and user is not None:
            self._never[user.id] = _REFUSED_FOR_GOOD[error.name]
        elif error.retry_after is not None:
            self._wait_until = max(self._wait_until, now + error.retry_after)

    def describe(self, now: float) -> str:
        """What stands against outgoing calls to anybody, as one sentence; empty if nothing does."""
        return self._stopped or self._too_many(now) or ""

    def _too_soon(self, user: User, now: float) -> str | None:
        last = self._last_call.get(user.id)
        if last is None or now - last >= self._rules.same_person_pause:
            return None
        left = self._rules.same_person_pause - (now - last)
        return f"{label(user)} was called just now: try again in {_duration(left)}"

    def _too_many(self, now: float) -> str | None:
        while self._placed and now - self._placed[0] >= _HOUR:
            self._placed.popleft()
        if len(self._placed) < self._rules.calls_per_hour:
            return None
        left = _HOUR - (now - self._placed[-self._rules.calls_per_hour]) if self._rules.calls_per_hour else _HOUR
        return f"{len(self._placed)} calls within an hour are enough for one account: try again in {_duration(left)}"


def is_listed(user: User, allowed: Collection[str]) -> bool:
    """Whether a list of `@names` and user ids has somebody."""
    names = {entry.lower() for entry in allowed}
    return str(user.id) in names or (user.username is not None and f"@{user.username.lower()}" in names)


def label(user: User) -> str:
    """Somebody, in a message: their name is not for logs."""
    return f"@{user.username}" if user.username else f"user {user.id}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

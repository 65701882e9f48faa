"""What the server refuses, in its own names, and what people can do about it."""

import re

from hullo.lines.telegram.port import TelegramError, TelegramUnreachable

_NUMBERED = re.compile(r"^(?P<name>[A-Z0-9_]+?)_(?P<number>\d+)$")

KEY_NOT_FOUND = "AUTH_KEY_NOT_FOUND"
"""Our name for the transport error -404."""

UNREACHABLE = "Telegram can't be reached: check the network"
NO_KEY = "the server could not prove that it is Telegram's: check the network, and server_key if that is set"
"""What went wrong when a key exchange failed."""

_LOG_IN_AGAIN = "run `hullo telegram login`"

ENDED = {
    KEY_NOT_FOUND: f"Telegram does not know this login any more: {_LOG_IN_AGAIN}",
    "AUTH_KEY_DUPLICATED": f"the session file was used in two places at once and is void: {_LOG_IN_AGAIN}, "
    "and keep one file to one process",
    "AUTH_KEY_INVALID": f"the login is void: {_LOG_IN_AGAIN}",
    "AUTH_KEY_PERM_EMPTY": f"the login is void: {_LOG_IN_AGAIN}",
    "AUTH_KEY_UNREGISTERED": f"this account is not logged in: {_LOG_IN_AGAIN}",
    "PHONE_NUMBER_BANNED": "Telegram has banned this number: write to recover@telegram.org if that is a mistake",
    "SESSION_EXPIRED": f"the login has expired: {_LOG_IN_AGAIN}",
    "SESSION_REVOKED": f"the login was ended from another device: {_LOG_IN_AGAIN}",
    "USER_DEACTIVATED": "the account was deleted",
    "USER_DEACTIVATED_BAN": "Telegram has banned this account: write to recover@telegram.org if that is a mistake",
}
"""Errors after which no request of this login can succeed, and what to do."""


class Migrate(TelegramError):
    """The account lives in another data centre, `dc`."""

    def __init__(self, name: str, code: int, dc: int) -> None:
        super().__init__(name, code)
        self.dc = dc


class LoginRefused(TelegramError):
    """Another data centre, `dc`, does not take the login of this account."""

    def __init__(self, error: TelegramError, dc: int) -> None:
        super().__init__(error.name, error.code)
        self.dc = dc


def passes(error: TelegramError) -> bool:
    """Whether the same request may be answered later: nobody was reached, or the server had to wait or had trouble."""
    return isinstance(error, TelegramUnreachable) or error.retry_after is not None or error.code >= 500


def error_from(message: str, code: int) -> TelegramError:
    """The error in an `rpc_error`: its number, if the name ends in one, is seconds to wait or a data centre."""
    numbered = _NUMBERED.match(message)
    if numbered is None:
        return TelegramError(message, abs(code))
    name, number = numbered["name"], int(numbered["number"])
    if name.endswith("_MIGRATE"):
        return Migrate(name, abs(code), number)
    if name.endswith(("_WAIT", "_DELAY")):
        return TelegramError(name, abs(code), float(number))
    return TelegramError(message, abs(code))

"""What an account needs of a client library: one MTProto connection, and the TL schema's classes."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from hullo.lines.telegram.account.session_file import Session
from hullo.lines.telegram.port import TelegramError

OnUpdates = Callable[[Any], None]
"""Takes an `Updates` object as it came."""
OnLost = Callable[[TelegramError], None]
"""Told once for each connection that ends by itself, and why."""


class MtprotoClient(Protocol):
    """One connection at a time, which its user opens again when it is lost.

    TL objects are those of the library; both libraries name classes and fields as the schema does.
    """

    session: Session
    """What to connect with; holds the key after the first `connect`."""

    def elsewhere(self, session: Session, on_lost: OnLost) -> "MtprotoClient":
        """A client of the same library for another data centre, from where no updates are wanted."""

    def make(self, name: str, /, **fields: Any) -> Any:
        """A TL object such as `inputPhoneCall`."""

    def function(self, name: str, **fields: Any) -> Any:
        """A TL method call such as `phone.requestCall`."""

    async def connect(self) -> Any:
        """Open a connection, make a key if there is none, and return `help.config`.

        Raises `TelegramUnreachable`, and `TelegramError` if the server does not want us.
        """

    async def invoke(self, function: Any, timeout: float) -> Any:
        """Call a method, once. Raises `TelegramError` with the server's name, or `TelegramUnreachable`."""

    async def close(self) -> None:
        """Close the connection; nothing of it is left behind. Idempotent, never raises."""

    def password_proof(self, settings: Any, password: str) -> Any:
        """`inputCheckPasswordSRP` for the answer of `account.getPassword`."""


class Server(msgspec.Struct, frozen=True):
    """Where a login begins."""

    host: str
    port: int
    dc: int = 2
    public_key: str | None = None
    """PKCS #1 PEM of a server that is not Telegram's."""


PRODUCTION = Server("149.154.167.51", 443)
TEST = Server("149.154.167.40", 80)
"""Telegram's servers for tests: accounts of their own, made with test numbers."""

DEVICE = {
    "device_model": "hullo",
    "system_version": "Linux",
    "app_version": "0.1",
    "system_lang_code": "en",
    "lang_pack": "",
    "lang_code": "en",
}
"""How the login shows up under Settings, Devices."""


def address_of(config: Any, dc: int) -> tuple[str, int] | None:
    """Where a data centre is, according to `help.config`: host and port."""
    for option in config.dc_options:
        if option.id == dc and not (option.ipv6 or option.media_only or option.cdn or option.tcpo_only):
            return option.ip_address, option.port
    return None


def no_updates(_updates: Any) -> None:
    """Takes updates where none are wanted."""


def kind(value: Any) -> str:
    """The name of a TL object's constructor, without its namespace, such as `PhoneCallWaiting`."""
    return type(value).__name__


def find(namespace: Any, name: str, suffix: str = "") -> Any:
    """The class for a TL name in a library's module of types or functions."""
    *path, last = name.split(".")
    for part in path:
        namespace = getattr(namespace, part)
    return getattr(namespace, last[0].upper() + last[1:] + suffix)

"""The section `[telegram]` of the configuration."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from hullo.folders import state_path
from hullo.lines.telegram.account.client import PRODUCTION, TEST, Server
from hullo.lines.telegram.account.safety import Incoming, SafetyRules
from hullo.section import SECTION, HomePath


def default_session_path() -> Path:
    """`$XDG_STATE_HOME/hullo/telegram.session`, or `~/.local/state/hullo/telegram.session`."""
    return state_path("telegram.session")


class TelegramConfig(BaseModel):
    """The line for Telegram calls, as a user account. docs/telegram.md tells how to get one ready."""

    model_config = SECTION

    enabled: bool = False
    """Whether the line is there."""
    api_id: Annotated[int, Field(gt=0)] | None = None
    """The number of your application, from my.telegram.org."""
    api_hash: SecretStr | None = None
    """Its hash; needed for `hullo telegram login` only. Whoever may read this file knows it then: chmod 600 it."""
    session: HomePath = Field(default_factory=default_session_path)
    """The session file that `hullo telegram login` writes. It is the key to the account."""
    library: Literal["kurigram", "telethon"] = "kurigram"
    """The client library; the session file fits both."""
    incoming: Incoming = Incoming.CONTACTS
    """Who may ring: `contacts`, `allowlist`, `open` (everybody) or `off`."""
    allow: list[Annotated[str, Field(pattern=r"^(@[A-Za-z0-9_]{4,32}|[0-9]{1,19})$")]] = []
    """With `incoming = "allowlist"`: `@names` and user ids who may ring."""
    calls_per_hour: Annotated[int, Field(ge=0, le=1000)] = 20
    """Calls this account places within any hour, at most."""
    same_person_pause_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 60.0
    """Between two calls to the same person."""
    test_servers: bool = False
    """Telegram's servers for tests, which have accounts of their own."""
    server: Annotated[str, Field(pattern=r"^[^\s:]+:[0-9]{1,5}$")] | None = None
    """`host:port` of a server that is not Telegram's, such as the loopback one."""
    server_key: HomePath | None = None
    """The public key (PEM) of that server."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.enabled and self.api_id is None:
            raise ValueError("api_id is missing: get one at https://my.telegram.org")
        if self.incoming is Incoming.ALLOWLIST and not self.allow:
            raise ValueError('incoming is "allowlist" and allow is empty: list who may ring')
        if self.allow and self.incoming is not Incoming.ALLOWLIST:
            raise ValueError('allow is only used with incoming = "allowlist"')
        if (self.server is None) != (self.server_key is None):
            raise ValueError("server and server_key belong together: set both or none")
        if self.server is not None and self.test_servers:
            raise ValueError("server and test_servers are both set: keep one of them")
        return self

    def rules(self) -> SafetyRules:
        """The limits of the account."""
        return SafetyRules(
            calls_per_hour=self.calls_per_hour,
            same_person_pause=self.same_person_pause_seconds,
            incoming=self.incoming,
            allowed=tuple(self.allow),
        )

    def where(self) -> Server:
        """The server to log in at. Raises `OSError` if `server_key` can't be read."""
        if self.server is not None and self.server_key is not None:
            host, _, port = self.server.rpartition(":")
            return Server(host, int(port), public_key=self.server_key.read_text("ascii"))
        return TEST if self.test_servers else PRODUCTION

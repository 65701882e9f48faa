"""Members of a loopback Telegram as accounts that are logged in, for a `Phone` or for a daemon's configuration."""

import json
from pathlib import Path

from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.opening import Library
from hullo.lines.telegram.account.session_file import Session, SessionFile
from hullo.lines.telegram.account.settings import TelegramConfig

_API_ID = 1
_NO_LIMIT = 1000


def account_settings(
    server: LoopbackTelegram, user_id: int, folder: Path, *, library: Library = "kurigram"
) -> TelegramConfig:
    """Log a member in and write session file and server key into `folder`; nobody is bothered, so nothing is limited.

    Raises `OSError`.
    """
    home = server.home(user_id)
    host, port = home.address
    session = folder / f"{user_id}.session"
    login = Session(
        api_id=_API_ID, dc=home.number, host=host, port=port, auth_key=server.log_in(user_id), user_id=user_id
    )
    SessionFile(session).store(login)
    key = folder / "telegram.pem"
    key.write_text(server.key.public_pem, "ascii")
    return TelegramConfig(
        enabled=True,
        api_id=_API_ID,
        session=session,
        library=library,
        calls_per_hour=_NO_LIMIT,
        same_person_pause_seconds=0,
        server=f"{host}:{port}",
        server_key=key,
    )


def as_toml(settings: TelegramConfig) -> str:
    """The section `[telegram]` of a configuration file that says the same."""
    fields = settings.model_dump(mode="json", exclude_unset=True)
    return "\n".join(["[telegram]", *(f"{name} = {json.dumps(value)}" for name, value in fields.items()), ""])

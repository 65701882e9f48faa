"""The section `[telegram]`: what fits together, and what people are told when it does not."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hullo.lines.telegram.account.client import PRODUCTION, TEST
from hullo.lines.telegram.account.safety import Incoming, SafetyRules
from hullo.lines.telegram.account.settings import TelegramConfig


def test_the_defaults() -> None:
    config = TelegramConfig()
    assert not config.enabled
    assert config.where() == PRODUCTION
    assert config.rules() == SafetyRules()
    assert config.session.name == "telegram.session"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"enabled": True}, "my.telegram.org"),
        ({"incoming": "allowlist"}, "list who may ring"),
        ({"allow": ["@anna"]}, "only used with"),
        ({"incoming": "allowlist", "allow": ["anna"]}, "pattern"),
        ({"incoming": "friends"}, "contacts"),
        ({"server": "127.0.0.1:443"}, "belong together"),
        ({"server": "127.0.0.1:443", "server_key": "k", "test_servers": True}, "keep one"),
        ({"library": "pyrogram"}, "kurigram"),
        ({"calls_per_hour": -1}, "greater than or equal to 0"),
        ({"same_person_pause_seconds": float("inf")}, "finite"),
        ({"api_key": 1}, "not permitted"),
    ],
)
def test_what_does_not_fit(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TelegramConfig(**fields)


def test_what_does(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("PEM")
    config = TelegramConfig.model_validate(
        {
            "enabled": True,
            "api_id": 5,
            "api_hash": "secret",
            "session": "~/s",
            "incoming": "allowlist",
            "allow": ["@anna", "77"],
            "server": "127.0.0.1:4430",
            "server_key": str(key),
        }
    )
    assert config.session == Path.home() / "s"
    assert config.rules().incoming is Incoming.ALLOWLIST
    assert config.rules().allowed == ("@anna", "77")
    server = config.where()
    assert (server.host, server.port, server.public_key) == ("127.0.0.1", 4430, "PEM")
    assert "secret" not in repr(config)
    assert TelegramConfig(test_servers=True).where() == TEST

"""`hullo web` as a user types it."""

from pathlib import Path

from tests.cli.test_commands import run
from tests.cli.test_private_calls import process

CONFIG = """
[speech]
enabled = false
[browser]
enabled = false
[rpc]
socket = "{folder}/s"
[web]
enabled = {enabled}
port = 0
token_file = "{folder}/secret/token"
"""


def configuration(folder: Path, enabled: bool) -> str:
    path = folder / "hullo.toml"
    path.write_text(CONFIG.format(folder=folder, enabled=str(enabled).lower()))
    return str(path)


def test_it_is_a_daemon_where_none_runs_and_tells_the_address_where_one_does(tmp_path: Path) -> None:
    config = configuration(tmp_path, enabled=False)
    with process("web", "--config", config, stream="stdout", until="#") as address:
        told = run("web", "--config", config)
        assert told.stdout.strip() == address
    token = tmp_path / "secret" / "token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert address.endswith(f"/#{token.read_text().strip()}")


def test_a_daemon_without_the_page_is_one_clear_error(tmp_path: Path) -> None:
    config = configuration(tmp_path, enabled=False)
    with process("serve", "--config", config, stream="stderr", until="ready"):
        refused = run("web", "--config", config)
    assert refused.returncode == 1
    assert "[web] enabled = true" in refused.stderr


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    config = configuration(tmp_path, enabled=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "token").write_text("0123456789abcdef")
    (tmp_path / "secret" / "token").chmod(0o644)
    refused = run("web", "--config", config)
    assert refused.returncode == 1
    assert "chmod 600" in refused.stderr

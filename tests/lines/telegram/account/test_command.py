"""`hullo telegram` as a user types it: processes of their own, at a server on loopback."""

import asyncio
import json
import os
import pty
import stat
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.session_file import SessionFile
from tests.lines.telegram.account.loopback import ANNA, API_HASH, API_ID, BERT, PASSWORD, loopback, running

COMMAND = [sys.executable, "-c", "from hullo.cli.telegram import telegram; telegram(prog_name='hullo telegram')"]


def configure(server: LoopbackTelegram, folder: Path, library: str = "kurigram") -> Path:
    key = folder / "server.pem"
    key.write_text(server.key.public_pem)
    file = folder / "hullo.toml"
    file.write_text(
        f"""
        [telegram]
        api_id = {API_ID}
        api_hash = "{API_HASH}"
        session = "{folder}/telegram.session"
        library = "{library}"
        server = "127.0.0.1:{server.address[1]}"
        server_key = "{key}"
        """
    )
    file.chmod(0o600)
    return file


class Finished:
    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out.decode()
        self.err = err.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def start(*arguments: str, **options: Any) -> asyncio.subprocess.Process:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, **{"stdin": pipe, "stdout": pipe, "stderr": pipe, **options}, env=environment
    )


async def run(*arguments: str) -> Finished:
    async with asyncio.timeout(60):
        process = await start(*arguments)
        out, err = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, out, err)


async def prompted(process: asyncio.subprocess.Process, words: str) -> None:
    """Read until the command asks."""
    assert process.stderr is not None
    seen = ""
    async with asyncio.timeout(60):
        while words not in seen:
            piece = await process.stderr.read(100)
            assert piece, seen
            seen += piece.decode()


def say(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())


async def test_login_with_one_library_and_status_with_the_other(tmp_path: Path) -> None:
    async with loopback() as server:
        config = configure(server, tmp_path, "telethon")
        before = await run("status", "--config", str(config), "--json")
        assert before.code == 1
        assert "run `hullo telegram login`" in before.json["detail"]
        phone = server.directory.member(BERT).phone
        process = await start("login", "--config", str(config))
        await prompted(process, "the phone number")
        say(process, f"+{phone}")
        await prompted(process, "the code that was sent to the Telegram app")
        say(process, "00")
        await prompted(process, "that is not the code")
        say(process, server.directory.code_sent_to(phone))
        await prompted(process, "the password (hint: a pet)")
        say(process, PASSWORD)
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert b"logged in as @bert" in out
        file = SessionFile(tmp_path / "telegram.session")
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        configure(server, tmp_path, "kurigram")
        after = await run("status", "--config", str(config), "--json")
        assert after.code == 0, after.err
        assert after.json["account"] == "@bert"
        assert (after.json["online"], after.json["detail"], after.json["library"]) == (True, "online", "kurigram")
        async with running(server, "telethon", file):
            busy = await run("status", "--config", str(config), "--json")
            assert "in use by another process" in busy.json["detail"]
        server.revoke(BERT)
        dead = await run("status", "--config", str(config), "--json")
        assert dead.code == 1
        assert "does not know this login any more" in dead.json["detail"]


async def test_nobody_at_the_terminal(tmp_path: Path) -> None:
    async with loopback() as server:
        config = configure(server, tmp_path)
        process = await start("login", "--config", str(config), stdin=asyncio.subprocess.DEVNULL)
        _, err = await process.communicate()
        assert process.returncode == 1
        assert b"run this in a terminal" in err
        assert not (tmp_path / "telegram.session").exists()


async def test_a_password_is_not_shown_and_ctrl_c_gives_the_terminal_back(tmp_path: Path) -> None:
    async with loopback() as server:
        config = configure(server, tmp_path)
        phone = server.directory.member(BERT).phone
        ours, theirs = pty.openpty()
        try:
            process = await start("login", "--phone", phone, "--config", str(config), stdin=theirs)
            await prompted(process, "the code")
            os.write(ours, f"{server.directory.code_sent_to(phone)}\n".encode())
            async with asyncio.timeout(30):
                while termios.tcgetattr(theirs)[3] & termios.ECHO:
                    await asyncio.sleep(0.02)
            process.send_signal(2)
            await asyncio.wait_for(process.wait(), 20)
            assert process.returncode in (1, 130)
            assert termios.tcgetattr(theirs)[3] & termios.ECHO
            assert not (tmp_path / "telegram.session").exists()
        finally:
            os.close(ours)
            os.close(theirs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "get both at https://my.telegram.org"),
        ("[telegram]\napi_ids = 1", "did you mean 'api_id'?"),
    ],
)
async def test_settings_that_are_wrong(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "hullo.toml"
    file.write_text(text)
    result = await run("login", "--config", str(file))
    assert result.code == 1
    assert words in result.err


async def test_a_session_file_that_others_can_read(tmp_path: Path) -> None:
    async with loopback() as server:
        config = configure(server, tmp_path)
        (tmp_path / "telegram.session").write_bytes(b"{}")
        (tmp_path / "telegram.session").chmod(0o644)
        result = await run("status", "--config", str(config), "--json")
        assert result.code == 1
        assert "chmod 600" in result.json["detail"]
        assert server.connected(ANNA) == 0

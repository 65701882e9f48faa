"""`hullo call @name` and `hullo answer` as processes, each with an account at a loopback Telegram."""

import asyncio
import json
import sys
import wave
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hullo.demo.loopback_telegram.accounts import account_settings, as_toml
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.opening import Library
from tests.lines.telegram.account.loopback import ANNA, BERT, loopback

HULLO = [sys.executable, "-W", "ignore", "-m", "hullo"]


def configuration(server: LoopbackTelegram, user_id: int, folder: Path, library: Library) -> Path:
    file = folder / f"{user_id}.toml"
    file.write_text(as_toml(account_settings(server, user_id, folder, library=library)))
    return file


@asynccontextmanager
async def hullo(*arguments: str | Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*HULLO, *map(str, arguments), stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: Process) -> list[dict[str, Any]]:
    """The JSON lines of a command that ended well."""
    output, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.peer
@pytest.mark.parametrize(
    ("caller", "callee", "to"), [("kurigram", "telethon", "@bert"), ("telethon", "kurigram", str(BERT))]
)
async def test_a_call_between_two_terminals(caller: Library, callee: Library, to: str, tmp_path: Path) -> None:
    tone = tmp_path / "tone.wav"
    with wave.open(str(tone), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"\x00\x20\x00\xe0" * 4_000)
    async with loopback() as server:
        anna = configuration(server, ANNA, tmp_path, caller)
        bert = configuration(server, BERT, tmp_path, callee)
        common: list[str | Path] = ["--no-speech", "--json", "--play", tone, "--config"]
        async with hullo("answer", *common, bert, "--stay", "30") as answering:
            assert answering.stderr is not None
            assert b"waiting for a call to @bert" in await answering.stderr.readline()
            async with hullo("call", to, *common, anna, "--stay", "0.5") as calling:
                *ours, report = await said(calling)
            *theirs, their_report = await said(answering)
    assert [event["type"] for event in ours if event["type"] != "call.quality"] == [
        "call.ringing",
        "call.connected",
        "call.speaking",
        "call.spoken",
        "call.ended",
    ]
    assert [event["type"] for event in theirs][:2] == ["call.incoming", "call.connected"]
    assert theirs[0]["peer"] == "@anna"
    assert report["leg"]["emoji"] == their_report["leg"]["emoji"]
    assert (report["ending"]["reason"], their_report["ending"]["reason"]) == ("hangup-bot", "hangup-user")
    assert report["stats"]["packets_received"] > 20


@pytest.mark.peer
async def test_an_account_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    async with loopback() as server:
        config = configuration(server, ANNA, tmp_path, "kurigram")
        server.revoke(ANNA)
        async with hullo("call", "@bert", "--no-speech", "--config", config) as calling:
            output, problem = await calling.communicate()
    assert (calling.returncode, output) == (1, b"")
    assert b"does not know this login any more" in problem
    assert b"Traceback" not in problem
    (tmp_path / f"{ANNA}.session").unlink()
    async with hullo("call", "@bert", "--no-speech", "--config", config) as calling:
        _, problem = await calling.communicate()
    assert b"run `hullo telegram login`" in problem

"""Two daemons with a Telegram account each, driven over their sockets: `hullo serve` as it is deployed."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hullo.daemon_client import DaemonClient
from hullo.demo.loopback_telegram.accounts import account_settings, as_toml
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.opening import Library
from tests.lines.telegram.account.loopback import ANNA, BERT, loopback

SERVE = [sys.executable, "-W", "ignore", "-m", "hullo", "serve", "--config"]
QUIET = '[calls]\nanswer = "ask"\n[speech]\nenabled = false\n[browser]\nenabled = false\n'


class Daemon:
    """A daemon's process and a gateway that is connected to it."""

    def __init__(self, client: DaemonClient, pid: int) -> None:
        self.client = client
        self._pid = pid

    async def until(self, method: str) -> dict[str, Any]:
        """The params of the next event of that name."""
        while (event := await self.client.notification())["method"] != method:
            assert event["method"] != "call.ended", event["params"]["detail"]
        params: dict[str, Any] = event["params"]
        return params

    def descriptors(self) -> int:
        """How many files and sockets its process has open."""
        return len(os.listdir(f"/proc/{self._pid}/fd"))


def configuration(server: LoopbackTelegram, user_id: int, library: Library, folder: Path, socket: Path) -> Path:
    folder.chmod(0o700)
    account = as_toml(account_settings(server, user_id, folder, library=library))
    config = folder / f"{user_id}.toml"
    config.write_text(f"{QUIET}[rpc]\nsocket = {json.dumps(str(socket))}\n{account}")
    return config


@contextlib.asynccontextmanager
async def daemon(server: LoopbackTelegram, user_id: int, library: Library, folder: Path) -> AsyncIterator[Daemon]:
    socket = folder / f"{user_id}.sock"
    config = configuration(server, user_id, library, folder, socket)
    process = await asyncio.create_subprocess_exec(*SERVE, str(config), stderr=PIPE)
    assert process.stderr is not None
    try:
        while not (line := await process.stderr.readline()).rstrip().endswith(b"ready"):
            assert line, "the daemon ended before it was ready"
        async with DaemonClient(socket) as client:
            yield Daemon(client, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in log, log.decode()


async def one_call(caller: Daemon, callee: Daemon, to: str | int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Call, answer and hang up: the two reports."""
    await caller.client.request("call.start", to=to)
    incoming = await callee.until("call.incoming")
    await callee.client.request("call.accept", call_id=incoming["call_id"])
    ours, theirs = await asyncio.gather(caller.until("call.connected"), callee.until("call.connected"))
    assert ours["emoji"] == theirs["emoji"]
    assert len(ours["emoji"]) == 4
    [status] = await caller.client.request("call.list", live=True)
    assert status["leg"]["emoji"] == ours["emoji"]
    assert status["peer_muted"] is False
    await caller.client.request("call.mute", muted=True)
    assert (await callee.until("call.peer_muted"))["muted"] is True
    await caller.client.request("call.hangup")
    reports = await asyncio.gather(ended(caller), ended(callee))
    return reports[0], reports[1]


async def ended(one: Daemon) -> dict[str, Any]:
    while (event := await one.client.notification())["method"] != "call.ended":
        pass
    report: dict[str, Any] = event["params"]["report"]
    return report


STAGES = [
    "requesting",
    "ringing",
    "confirming",
    "established",
    "first_signaling",
    "ice",
    "dtls",
    "first_heard",
]


@pytest.mark.peer
async def test_two_daemons_call_each_other_in_turn(tmp_path: Path) -> None:
    async with (
        loopback() as server,
        daemon(server, ANNA, "kurigram", tmp_path) as anna,
        daemon(server, BERT, "telethon", tmp_path) as bert,
    ):
        [line] = await anna.client.request("line.list")
        assert (line["name"], line["ready"], line["address"]) == ("telegram", True, "@anna")
        open_before = None
        for number in range(6):
            caller, callee, to = ((anna, bert, "@bert"), (bert, anna, ANNA))[number % 2]
            ours, theirs = await one_call(caller, callee, to)
            assert (ours["ending"]["reason"], theirs["ending"]["reason"]) == ("hangup-bot", "hangup-user")
            stages = ours["leg"]["stages"]
            assert [stages[name] for name in STAGES] == sorted(stages[name] for name in STAGES)
            assert ours["leg"]["chosen"]["outcome"] == "succeeded"
            if number == 1:
                open_before = (anna.descriptors(), bert.descriptors())
        assert (anna.descriptors(), bert.descriptors()) == open_before


@pytest.mark.peer
async def test_a_daemon_whose_login_is_ended_says_so_and_ends_what_rings(tmp_path: Path) -> None:
    async with (
        loopback() as server,
        daemon(server, ANNA, "telethon", tmp_path) as anna,
        daemon(server, BERT, "kurigram", tmp_path) as bert,
    ):
        await anna.client.request("call.start", to="@bert")
        await bert.until("call.incoming")
        server.end_logins(ANNA)
        server.kick(ANNA)
        report = await ended(anna)
        assert (report["ending"]["reason"], report["leg"]["stage"]) == ("failed", "ringing")
        assert "ended from another device" in report["ending"]["detail"]
        health = await anna.client.request("health")
        assert health["status"] == "degraded"
        assert "hullo telegram login" in health["lines"][0]["detail"]

"""The daemon as a real process: it starts, serves, stops in time, and leaves nothing behind."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import wave
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

import hullo
from hullo.service.framing import Framing, frame
from tests.ports import free_port
from tests.service.socket_client import SocketClient, short_directory

PROGRAM = """
import sys, pathlib
from hullo.service.config import load_config
from hullo.service.config_errors import ConfigError
from hullo.service.daemon import ServeError, run
print("noise on standard output" if "--stdio" not in sys.argv else "", end="")
try:
    run(load_config(pathlib.Path(sys.argv[1])), stdio="--stdio" in sys.argv, attached="--attached" in sys.argv)
except (ConfigError, ServeError) as error:
    sys.exit(f"error: {error}")
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


def configuration(directory: Path, more: str = "", speech: bool = False) -> Path:
    path = directory / "hullo.toml"
    path.write_text(
        f'[rpc]\nsocket = "{directory}/run/s"\n[browser]\nport = 0\n[speech]\nenabled = {str(speech).lower()}\n{more}\n'
    )
    path.chmod(0o600)
    return path


@contextlib.asynccontextmanager
async def daemon(config: Path, *arguments: str, program: str = PROGRAM) -> AsyncIterator[Process]:
    """A daemon's process, in a deadline; killed with its children if the test leaves it running."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(config), *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(60):
            yield process
    finally:
        if process.returncode is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
        await process.communicate()


async def connect(directory: Path, process: Process) -> SocketClient:
    """A client, as soon as the daemon listens."""
    while process.returncode is None:
        try:
            return await SocketClient.connect(directory / "run" / "s")
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0.05)
    raise AssertionError((await process.communicate())[1].decode())


async def last_words(process: Process) -> str:
    """What a daemon that does not start says."""
    _, errors = await process.communicate()
    assert process.returncode == 1
    return errors.decode().strip().splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_a_signal_and_leaves_nothing_behind(directory: Path, number: signal.Signals) -> None:
    async with daemon(configuration(directory, speech=True)) as process, await connect(directory, process) as client:
        health = await client.result("health")
        assert (health["status"], health["speech"]) == ("ok", {"recogniser": "running", "voice": "running"})
        hosts = psutil.Process(process.pid).children(recursive=True)
        assert len(hosts) == 2
        process.send_signal(number)
        with pytest.raises(EOFError):
            await client.receive()
        assert await process.wait() == 0
        assert not psutil.wait_procs(hosts, timeout=30)[1]
    assert list((directory / "run").iterdir()) == []


async def test_two_daemons_call_each_other_and_both_gateways_are_told(directory: Path) -> None:
    (directory / "a").mkdir()
    (directory / "b").mkdir()
    async with (
        daemon(configuration(directory / "a")) as one,
        daemon(configuration(directory / "b")) as two,
        await connect(directory / "a", one) as caller,
        await connect(directory / "b", two) as callee,
    ):
        address = (await callee.result("line.list"))[0]["address"]
        call_id = (await caller.result("call.start", {"to": address}))["call_id"]
        await callee.until("call.incoming")
        await callee.result("call.accept")
        assert (await caller.until("call.connected"))["call_id"] == call_id
        await callee.until("call.connected")
        one.send_signal(signal.SIGTERM)
        ended = await caller.until("call.ended")
        assert ended["detail"] == "this process is stopping"
        assert (await callee.until("call.ended"))["reason"] == "hangup-user"
        assert await one.wait() == 0
        assert (await callee.result("health"))["live_calls"] == 0


A_VOICE_THAT_NEVER_COMES = """
import asyncio
from hullo.speech.hosting.supervisor import HostSupervisor
HostSupervisor.started = lambda self: asyncio.Event().wait()
"""


@pytest.mark.parametrize("before", ["", A_VOICE_THAT_NEVER_COMES], ids=["", "and would never be ready"])
async def test_it_stops_also_while_it_is_still_starting(directory: Path, before: str) -> None:
    async with daemon(configuration(directory, speech=True), program=before + PROGRAM) as process:
        while not (directory / "run" / "s").exists():
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert list((directory / "run").iterdir()) == []


async def test_a_second_daemon_does_not_start_and_harms_nobody(directory: Path) -> None:
    config = configuration(directory)
    async with daemon(config) as first, await connect(directory, first) as client, daemon(config) as second:
        assert "a daemon listens on" in await last_words(second)
        await client.result("health")


async def test_a_port_that_is_taken_is_one_clear_error(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = configuration(directory).read_text().replace("port = 0", f"port = {port}")
        (directory / "hullo.toml").write_text(text)
        async with daemon(directory / "hullo.toml") as process:
            assert f"can't take calls at 127.0.0.1:{port}" in await last_words(process)
    assert list((directory / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[calls]\nanser = 1", "did you mean 'answer'?"),
        ('[metrics]\nenabled = true\nhost = "203.0.113.1"', "203.0.113.1"),
    ],
)
async def test_what_can_not_be_is_one_clear_error(directory: Path, more: str, words: str) -> None:
    async with daemon(configuration(directory, more)) as process:
        assert words in await last_words(process)


async def test_a_token_file_that_others_can_read_is_refused(directory: Path) -> None:
    token = directory / "token"
    token.write_text("0123456789abcdef")
    token.chmod(0o644)
    text = configuration(directory).read_text().replace("port = 0", f'port = 0\ntoken_file = "{token}"')
    (directory / "hullo.toml").write_text(text)
    async with daemon(directory / "hullo.toml") as process:
        assert "chmod 600" in await last_words(process)


async def test_open_to_everybody_is_refused(directory: Path) -> None:
    text = configuration(directory).read_text().replace("port = 0", 'port = 0\nhost = "0.0.0.0"')
    (directory / "hullo.toml").write_text(text)
    async with daemon(directory / "hullo.toml") as process:
        assert "give it a token" in await last_words(process)


async def test_metrics_are_served(directory: Path) -> None:
    port = free_port()
    config = configuration(directory, f"[metrics]\nenabled = true\nport = {port}")
    async with daemon(config) as process, await connect(directory, process) as client:
        await client.result("health")
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as response,
        ):
            assert "hullo_rpc_clients 1.0" in await response.text()


async def answer_of(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(await process.stdout.readline())


async def test_over_stdio_until_the_parent_closes(directory: Path) -> None:
    async with daemon(configuration(directory), "--stdio") as process:
        assert process.stdin is not None
        process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"health"}\n')
        assert (await answer_of(process))["result"]["clients"] == 1
        process.stdin.write(b"not json\n")
        assert (await answer_of(process))["error"]["code"] == -32700
        process.stdin.close()
        output, _ = await process.communicate()
        assert (process.returncode, output) == (0, b"")
    assert not (directory / "run").exists()


async def test_attached_it_listens_at_its_socket_until_the_parent_has_gone(directory: Path) -> None:
    async with daemon(configuration(directory), "--attached") as process:
        assert process.stdin is not None
        process.stdin.write(b"this counts for nothing\n")
        async with await connect(directory, process) as client:
            assert (await client.result("health"))["clients"] == 1
        process.stdin.close()
        output, _ = await process.communicate()
        assert (process.returncode, output) == (0, b"noise on standard output")
    assert not (directory / "run" / "s").exists()


async def test_attached_to_a_file_it_says_that_this_can_not_be(directory: Path) -> None:
    path = configuration(directory)
    with path.open() as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(path), "--attached", stdin=file, stderr=PIPE
        )
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"--attached wants a pipe" in errors


async def test_over_stdio_what_was_asked_before_the_end_is_answered(directory: Path) -> None:
    async with daemon(configuration(directory), "--stdio") as process:
        request = frame(b'{"jsonrpc":"2.0","id":1,"method":"line.list"}', Framing.HEADERS)
        output, _ = await process.communicate(request)
        assert output.startswith(b"Content-Length: ")
        assert b'"name":"browser"' in output
        assert process.returncode == 0


async def test_over_one_socket_as_super_servers_give_it(directory: Path) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-c", PROGRAM, str(configuration(directory)), "--stdio"]
        process = await asyncio.create_subprocess_exec(*command, stdin=theirs.fileno(), stdout=theirs.fileno())
    reader, writer = await asyncio.open_connection(sock=ours)
    async with asyncio.timeout(30):
        for number in range(3):
            writer.write(b'{"jsonrpc":"2.0","id":%d,"method":"health"}\n' % number)
            assert json.loads(await reader.readline())["id"] == number
        writer.close()
        assert await process.wait() == 0


async def test_over_files_is_refused(directory: Path) -> None:
    with (directory / "out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(configuration(directory)), "--stdio", stdin=PIPE, stdout=out, stderr=PIPE
        )
        async with asyncio.timeout(30):
            assert "wants pipes, not files" in await last_words(process)


HALF_A_MESSAGE = """
import socket, sys, time
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.sendall(b'{"id"')
print("sent", flush=True)
time.sleep(60)
"""


async def test_nothing_of_a_gateway_that_is_killed_is_left(directory: Path) -> None:
    async with daemon(configuration(directory)) as process, await connect(directory, process) as client:
        await client.result("health")
        before = psutil.Process(process.pid).num_fds()
        killed = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            HALF_A_MESSAGE,
            str(directory / "run" / "s"),
            stdout=PIPE,
        )
        assert killed.stdout is not None
        await killed.stdout.readline()
        while (await client.result("health"))["clients"] < 2:  # connected is not yet accepted
            await asyncio.sleep(0.01)
        os.kill(killed.pid, signal.SIGKILL)
        await killed.wait()
        while (await client.result("health"))["clients"] > 1:
            await asyncio.sleep(0.01)
        while psutil.Process(process.pid).num_fds() > before:
            await asyncio.sleep(0.01)


async def test_without_speech_it_still_plays_files(directory: Path) -> None:
    path = directory / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\1\1" * 4000)
    async with (
        hullo.Phone(speech=None, listen=("127.0.0.1", 0)) as phone,
        daemon(configuration(directory)) as process,
        await connect(directory, process) as client,
    ):
        [line] = phone.switchboard.line_statuses()
        started = await client.result("call.start", {"to": line.address})
        await client.until("call.connected")
        await client.result("call.play", {"call_id": started["call_id"], "path": str(path)})
        assert (await client.until("call.spoken"))["heard_ms"] == 500
        process.terminate()
        await process.wait()

"""The README's programs are run: its agent and its callers call each other, its Node.js gateway answers."""

import asyncio
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import wave
from pathlib import Path
from typing import TextIO

import pytest

from hullo.demo.loopback_telegram.accounts import account_settings
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from tests.lines.telegram.account.loopback import ANNA, BERT, loopback
from tests.ports import free_port

README = (Path(__file__).parents[2] / "README.md").read_text()
DEADLINE = 240.0


def program(language: str, containing: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.S)
    [found] = [code for code in blocks if containing in code]
    return found


def wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail("the agent ended before it listened")


def echoed(events: TextIO) -> tuple[list[str], str]:
    """What a daemon tells that its gateway was told of speech, until one "You said: ..." has been spoken, and that.

    However long that takes: on a busy machine a recogniser needs many seconds for one of speech.
    """
    heard = []
    for line in events:
        event = json.loads(line)
        if event["method"] == "call.speech":
            heard.append(event["params"]["text"])
        elif event["method"] == "call.spoken" and event["params"]["text"].startswith("You said: "):
            return heard, event["params"]["text"].removeprefix("You said: ")
    pytest.fail(f"the daemon ended before an answer was spoken; heard: {heard}")


@pytest.mark.timeout(DEADLINE)
def test_the_agent_and_the_caller_of_the_readme_talk_to_each_other(tmp_path: Path) -> None:
    port = free_port()
    for name in ("agent.py", "caller.py"):
        (tmp_path / name).write_text(program("python", f"# {name}").replace("8765", str(port)))
    with subprocess.Popen([sys.executable, "-W", "ignore", str(tmp_path / "agent.py")], text=True) as agent:
        try:
            wait_for_port(port, agent)
            caller = subprocess.run(
                [sys.executable, "-W", "ignore", str(tmp_path / "caller.py")],
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
        finally:
            agent.send_signal(signal.SIGINT)
    assert caller.returncode == 0, caller.stderr
    assert "they said: hello" in caller.stdout
    assert re.search(r"hangup-user after \d+ s", caller.stdout)


@pytest.mark.peer
@pytest.mark.timeout(DEADLINE)
def test_the_node_gateway_of_the_readme_answers_a_call(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    tmp_path.chmod(0o700)
    port, path = free_port(), tmp_path / "hullo.sock"
    code = program("js", "net.connect").replace("`${folder}/hullo.sock`", f'"{path}"')
    (tmp_path / "gateway.mjs").write_text(code)
    (tmp_path / "hullo.toml").write_text(f'[browser]\nport = {port}\n[rpc]\nsocket = "{path}"\n')
    hullo = [sys.executable, "-W", "ignore", "-m", "hullo"]
    serve = [*hullo, "serve", "--config", str(tmp_path / "hullo.toml")]
    call = [*hullo, "call", f"http://127.0.0.1:{port}/call", "--say", "How is the weather today?", "--json"]
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        assert any(line.rstrip().endswith("ready") for line in daemon.stderr)
        with (
            socket.socket(socket.AF_UNIX) as watching,
            subprocess.Popen([node, str(tmp_path / "gateway.mjs")]) as gateway,
        ):
            watching.connect(str(path))
            with subprocess.Popen([*call, "--stay", "60"], stdout=subprocess.PIPE, text=True) as caller:
                assert caller.stdout is not None
                heard_by_agent, answer = echoed(watching.makefile(encoding="utf-8"))
                heard_by_caller = next((line for line in caller.stdout if '"call.speech"' in line), None)
                caller.send_signal(signal.SIGINT)
                caller.stdout.read()
            gateway.terminate()
        daemon.send_signal(signal.SIGINT)
        daemon.stderr.read()
    assert answer in heard_by_agent
    assert heard_by_caller is not None


def with_account(code: str, server: LoopbackTelegram, user_id: int, folder: Path) -> str:
    """A program of the README with an account at the loopback Telegram instead of the user's own."""
    fields = account_settings(server, user_id, folder).model_dump(mode="json", exclude_unset=True)
    assert "hullo.TelegramConfig()" in code
    return code.replace("hullo.TelegramConfig()", f"hullo.TelegramConfig(**{fields})")


@pytest.mark.peer
@pytest.mark.timeout(DEADLINE)
async def test_the_telegram_call_of_the_readme_is_answered_by_its_agent(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "hello.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(16_000))  # quiet, so that the agent goes on greeting
    async with loopback(within=DEADLINE) as server:
        agent = program("python", "# agent.py").replace('listen=("127.0.0.1", 8765)', "telegram=hullo.TelegramConfig()")
        caller = program("python", "# telegram_call.py").replace("@anna", "@bert")
        python = [sys.executable, "-W", "ignore", "-c"]
        answering = await asyncio.create_subprocess_exec(*python, with_account(agent, server, BERT, tmp_path))
        try:
            while not server.connected(BERT):
                await asyncio.sleep(0.05)
            calling = await asyncio.create_subprocess_exec(
                *python, with_account(caller, server, ANNA, tmp_path), stdout=subprocess.PIPE, cwd=tmp_path
            )
            output, _ = await calling.communicate()
        finally:
            answering.send_signal(signal.SIGINT)
            await answering.wait()
    said = output.decode()
    assert calling.returncode == 0
    assert re.search(r"connected; they should see \S+ \S+ \S+ \S+\n", said)
    assert "they said: hello" in said
    assert re.search(r"hangup-bot after \d+ s", said)

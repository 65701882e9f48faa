"""Runs the demo's three processes and makes of what they leave behind one result."""

import asyncio
import bisect
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

import hullo
from hullo.call.report import CallReport, Turn
from hullo.daemon_client import DaemonClient, DaemonError
from hullo.demo.caller import LINES, CallerResult, CallerTurn
from hullo.demo.measure import (
    Recording,
    Signal,
    answer_gaps,
    mouth_to_ear,
    outline,
    read_recording,
    speech_stretches,
    word_error_rate,
)
from hullo.demo.network import Network, NetworkMissing, browser_network, telegram_network
from hullo.demo.result import DemoResult, DemoTurn, Side, emoji_problems, problems_of

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_CALL_SECONDS = 240.0
_OUTLINE_POINTS = 1000
_SAME_MOMENT = 0.3

Tell = Callable[[str, str], None]
"""Shows progress: who, and what."""


class DemoError(Exception):
    """The demo could not be run at all; the message says which part failed and what to do."""


@dataclass(frozen=True, slots=True)
class _Places:
    """The files of one demo, in a directory that only we can read."""

    directory: Path

    @property
    def socket(self) -> Path:
        return self.directory / "hullo.sock"

    @property
    def config(self) -> Path:
        return self.directory / "hullo.toml"

    @property
    def caller_config(self) -> Path:
        return self.directory / "caller.toml"

    @property
    def caller_result(self) -> Path:
        return self.directory / "caller.json"

    def recording(self, who: str) -> Path:
        return self.directory / f"{who}.wav"

    def log(self, who: str) -> Path:
        return self.directory / f"{who}.log"

    def keep_logs(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for log in self.directory.glob("*.log"):
            shutil.copy(log, folder)


async def run_demo(
    files: list[Path], gateway: str | None, tell: Tell, logs: Path, *, telegram: bool = False
) -> DemoResult:
    """Place one measured call; if anything goes wrong, the logs of the processes are kept in the folder `logs`.

    With `telegram` it is a Telegram call, over a Telegram of our own on loopback. Raises `DemoError` when the call
    can't even begin.
    """
    with tempfile.TemporaryDirectory(prefix="hullo-demo-") as directory:
        places = _Places(Path(directory))
        try:
            async with telegram_network(places.directory) if telegram else browser_network() as network:
                result = await _run_demo(files, gateway, tell, places, network)
        except NetworkMissing as error:
            raise DemoError(str(error)) from None
        except DemoError:
            places.keep_logs(logs)
            raise
        if not result.ok:
            places.keep_logs(logs)
        return result


async def _run_demo(
    files: list[Path], gateway: str | None, tell: Tell, places: _Places, network: Network
) -> DemoResult:
    began = datetime.now(UTC)
    name, command = gateway_command(gateway)
    places.config.write_text(_config(places, network))
    places.caller_config.write_text(network.caller_config)
    async with (
        _process("daemon", [sys.executable, "-m", "hullo", "serve", "--config", str(places.config)], places) as daemon,
        DaemonClientWhenUp(places.socket, daemon, places) as client,
        _process("gateway", [*command, str(places.socket)], places),
    ):
        tell("daemon", "listening")
        address = await _address(client, network)
        cpu_before = await _cpu_seconds(client)
        said, report = await _converse(client, address, places, files, tell)
        cpu = await _cpu_seconds(client) - cpu_before
    caller = _read_caller(places)
    return _result(began, name, caller, said, report, cpu, places, len(files) or len(LINES))


def gateway_command(wanted: str | None) -> tuple[str, list[str]]:
    """The name and command of an example gateway: `node` or `python`; Node if it is there and none is wanted."""
    node = shutil.which("node")
    if wanted == "node" and node is None:
        raise DemoError("node is not installed: apt-get install nodejs, or use --gateway python")
    if node is not None and wanted in (None, "node"):
        return "Node.js", [node, str(_example("gateway.mjs"))]
    return "Python", [sys.executable, str(_example("gateway.py"))]


def _example(name: str) -> Path:
    package = Path(hullo.__file__).parent
    for folder in (package.parents[1] / "examples", package / "demo" / "examples"):
        if (folder / name).exists():
            return folder / name
    raise DemoError(f"the example {name} is missing from this installation of hullo")


def _config(places: _Places, network: Network) -> str:
    return f"""
[calls]
answer = "ask"
[rpc]
socket = {json.dumps(str(places.socket))}
{network.agent_config}"""


@contextlib.asynccontextmanager
async def _process(who: str, command: list[str], places: _Places) -> AsyncIterator[Process]:
    """One of the demo's processes; on leaving it is asked to stop, and made to if it does not."""
    with places.log(who).open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


class DaemonClientWhenUp:
    """A connection to the daemon as soon as it listens. Raises `DemoError` with its last words if it never does."""

    def __init__(self, socket: Path, daemon: Process, places: _Places) -> None:
        self._socket = socket
        self._daemon = daemon
        self._places = places
        self._client = DaemonClient(socket)

    async def __aenter__(self) -> DaemonClient:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._daemon.returncode is None:
            try:
                return await self._client.__aenter__()
            except DaemonError:
                await asyncio.sleep(0.05)
        raise DemoError(f"the daemon did not start: {_last_line(self._places.log('daemon'))}")

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__(None, None, None)


async def _address(client: DaemonClient, network: Network) -> str:
    for line in await client.request("line.list"):
        if line["name"] == network.line and line["ready"]:
            return network.to or str(line["address"])
    raise DemoError(f"the daemon's {network.line} line is not ready")


async def _cpu_seconds(client: DaemonClient) -> float:
    return float((await client.request("health"))["cpu_seconds"])


async def _converse(
    client: DaemonClient, address: str, places: _Places, files: list[Path], tell: Tell
) -> tuple[dict[str, str], CallReport]:
    """Let the caller call, and follow the daemon's events: what the agent said, and its report of the call."""
    command = [sys.executable, "-m", "hullo.demo.caller", address]
    command += ["--out", str(places.caller_result), "--recording", str(places.recording("caller"))]
    command += ["--config", str(places.caller_config)]
    for file in files:
        command += ["--say", str(file)]
    said: dict[str, str] = {}
    async with _process("caller", command, places) as caller, asyncio.timeout(_CALL_SECONDS):
        while True:
            event = await _next_event(client, caller, places)
            method, params = event["method"], event["params"]
            if method == "call.incoming":
                tell("call", f"rings, from {params['peer']}")
                path = str(places.recording("agent"))
                await client.request("call.record", call_id=params["call_id"], path=path)
            elif method == "call.connected":
                tell("call", f"connected after {params['setup_ms']} ms")
                if params["emoji"]:
                    tell("agent", f"sees {' '.join(params['emoji'])}")
            elif method == "call.speech":
                tell("caller", params["text"])
            elif method == "call.speaking":
                said[params["utterance_id"]] = params["text"]
                tell("agent", params["text"])
            elif method == "call.error":
                tell("error", f"{params['component']}: {params['error']}")
            elif method == "call.ended":
                tell("call", f"ended after {params['duration']:.1f} s: {params['reason']}, {params['detail']}")
                await caller.wait()
                _tell_emoji_of_caller(places, tell)
                return said, msgspec.convert(params["report"], CallReport)


async def _next_event(client: DaemonClient, caller: Process, places: _Places) -> dict[str, Any]:
    """The next event, unless the caller's process dies before the call is even begun."""
    waiting = asyncio.ensure_future(client.notification())
    gone = asyncio.ensure_future(caller.wait())
    try:
        await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done() and not places.caller_result.exists():
            raise DemoError(f"the caller stopped: {_last_line(places.log('caller'))}")
        return await waiting
    finally:
        for task in (waiting, gone):
            task.cancel()
        await asyncio.gather(waiting, gone, return_exceptions=True)


def _tell_emoji_of_caller(places: _Places, tell: Tell) -> None:
    """The caller is no gateway: what it saw is known when its process has ended."""
    emoji = _read_caller(places).report.leg.emoji
    if emoji:
        tell("caller", f"saw {' '.join(emoji)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _read_caller(places: _Places) -> CallerResult:
    if not places.caller_result.exists():
        raise DemoError(f"the caller failed: {_last_line(places.log('caller'))}")
    return msgspec.json.decode(places.caller_result.read_bytes(), type=CallerResult)


def _result(
    began: datetime,
    gateway: str,
    caller: CallerResult,
    said: dict[str, str],
    report: CallReport,
    cpu_seconds: float,
    places: _Places,
    expected: int,
) -> DemoResult:
    recordings = {
        "caller": _recording(places.recording("caller"), caller.report),
        "agent": _recording(places.recording("agent"), report),
    }
    turns = _turns(caller, report, recordings["caller"], recordings["agent"])
    seconds = max(caller.report.duration, 1.0)
    return DemoResult(
        began=began.strftime("%Y-%m-%d %H:%M UTC"),
        gateway=gateway,
        seconds=len(recordings["caller"].ours) / 8000,
        setup_ms=round((caller.report.stages.get("connected", 0.0)) * 1000),
        caller_to_agent=mouth_to_ear(recordings["caller"], recordings["agent"]),
        agent_to_caller=mouth_to_ear(recordings["agent"], recordings["caller"]),
        turns=turns,
        caller=_side(caller.report, caller.cpu_seconds / seconds, recordings["caller"].ours),
        agent=_side(report, cpu_seconds / seconds, recordings["caller"].theirs),
        problems=problems_of(turns, expected) + emoji_problems(caller.report, report) + report.errors,
    )


def _recording(path: Path, report: CallReport) -> Recording:
    for recording in report.recordings:
        if recording.path == str(path) and recording.began is not None:
            return read_recording(path, recording.began)
    raise DemoError(f"the recording {path.name} is missing: {'; '.join(report.errors) or 'no sound ever flowed'}")


def _turns(caller: CallerResult, report: CallReport, asker: Recording, answerer: Recording) -> list[DemoTurn]:
    """Put together what the caller said, what the agent understood and said, and what the waveform shows."""
    begins = [turn.began - _SAME_MOMENT for turn in caller.turns]
    understood: list[list[Turn]] = [[] for _ in begins]
    for turn in report.turns:
        number = bisect.bisect(begins, answerer.began + turn.started_at) - 1
        if number >= 0:
            understood[number].append(turn)
    gaps = answer_gaps(asker, [turn.began - asker.began for turn in caller.turns])
    return [
        _turn(line, heard, gap, line.began - asker.began)
        for line, heard, gap in zip(caller.turns, understood, gaps, strict=True)
    ]


def _turn(line: CallerTurn, heard: list[Turn], gap: float | None, at: float) -> DemoTurn:
    text = " ".join(turn.heard for turn in heard)
    return DemoTurn(
        at=at,
        said=line.said,
        understood=text,
        word_error_rate=float(not text) if line.from_file else word_error_rate(line.said, text),
        answer=" ".join(turn.said for turn in heard if turn.said),
        answer_heard=line.answer_heard,
        answer_ms=gap,
        times=heard[-1].times if heard else None,
    )


def _side(report: CallReport, cpu: float, signal_: Signal) -> Side:
    return Side(
        report=report,
        cpu_ms_per_s=cpu * 1000,
        outline=outline(signal_, _OUTLINE_POINTS),
        stretches=speech_stretches(signal_),
    )

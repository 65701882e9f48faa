"""Keeps one host process running: starts it, asks after its health, starts it again, leaves nothing behind."""

import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from wyoming.ping import Ping

from hullo.speech.errors import SpeechError
from hullo.speech.events import HostDown, HostEvent, HostLoading, HostUp
from hullo.speech.hosting.loading import Loading
from hullo.speech.servers.wire import Connection

log = logging.getLogger(__name__)

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 10.0
_HEALTHY_SECONDS = 30.0
_LAST_BREATH = 0.2
_AT_WORK = 0.01
"""The share of a processor that a host uses which is silent because it works, rather than hangs."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a supervisor waits for a host, seconds."""

    start: float = 60.0
    """From its start, or the last news of a download, until it listens."""
    ping_every: float = 2.0
    ping: float = 10.0
    """For a pong, unless the host is at work: the default recogniser holds its process up for 1 to 2 s at a time."""
    restart: float = 10.0
    """How long a request waits for a host that is down."""


@dataclass(frozen=True)
class EngineChoice:
    """An engine by name, what it is made with, the longest that it may take for one piece of work, seconds, and the
    niceness of its host."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    job_seconds: float = 60.0
    nice: int = 0


class HostSupervisor:
    """One role's host (`recogniser` or `voice`), run by whoever runs `run`."""

    def __init__(
        self,
        role: str,
        engine: EngineChoice,
        on_event: Callable[[HostEvent], None],
        patience: Patience | None = None,
    ) -> None:
        self._role = role
        self._engine = engine
        self._on_event = on_event
        self._patience = patience or Patience()
        self._up = asyncio.Event()
        self._look = asyncio.Event()
        self._settled = asyncio.Event()
        self._uri = ""
        self._failure = "it has not been started"
        self._starts = 0
        self._awaited = False
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The host's process id while it is up."""
        return self._pid

    async def uri(self) -> str:
        """The URI of the host, once it is up and well. Raises a transient `SpeechError` when it stays down."""
        try:
            async with asyncio.timeout(self._patience.restart):
                await self._up.wait()
        except TimeoutError:
            raise SpeechError(f"The {self._role} is down: {self._failure}", transient=True) from None
        return self._uri

    def failed(self) -> None:
        """A request to the host has just failed: nobody gets its URI before it answers a ping or a new one is up."""
        self._up.clear()
        self._look.set()

    async def started(self) -> None:
        """Return once the first start succeeded. Raises `SpeechError` when it failed."""
        self._awaited = True
        await self._settled.wait()
        if not self._up.is_set():
            raise SpeechError(f"The {self._role} does not start: {self._failure}")

    async def run(self) -> None:
        """Keep the host running until cancelled; then it is gone, and its socket and directory with it."""
        failures = 0
        while True:
            began = time.monotonic()
            self._failure = await self._one_life()
            failures = 0 if time.monotonic() - began > _HEALTHY_SECONDS else failures
            delay = min(_FIRST_DELAY * 2**failures, _LONGEST_DELAY)
            failures = min(failures + 1, 10)
            self._settled.set()
            told = self._awaited and not self._starts  # whoever waits for the first start tells of its failure
            level = logging.DEBUG if told else logging.WARNING
            log.log(level, "The %s host is down: %s; next start in %.1f s", self._role, self._failure, delay)
            self._on_event(HostDown(role=self._role, detail=self._failure, retry_in_ms=delay * 1000))
            await asyncio.sleep(delay)

    async def _one_life(self) -> str:
        """Start a host and return why it ended."""
        directory = Path(tempfile.mkdtemp(prefix=f"hullo-{self._role}-"))
        try:
            process = await self._spawn(directory / "socket")
            errors = asyncio.create_task(_last_words(process, self._role))
            try:
                ended = await self._live(process, directory / "socket")
            finally:
                self._up.clear()
                self._pid = None
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with whatever its engine has started
                await process.wait()
                words = await errors
            return words or ended
        except OSError as error:
            return f"its process could not be started ({error})"
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    async def _spawn(self, socket: Path) -> Process:
        # In a file that only the owner may read: prompts and hot words are nobody's business, as arguments would be.
        options = _private_file(socket.with_name("options.json"), msgspec.json.encode(self._engine.options))
        command = [sys.executable, "-m", "hullo.speech.hosting.host", "--supervised", "--role", self._role]
        command += ["--engine", self._engine.name, "--socket", str(socket), "--options", str(options)]
        command += ["--job-seconds", str(self._engine.job_seconds), "--nice", str(self._engine.nice)]
        # Standard input stays open and silent: when this process dies, however it dies, the host sees the end of it.
        # A session of its own, and so a group: Ctrl-C at the terminal is for this process, which then ends the host.
        # The threads of numpy's library spin when they have worked, on cores that calls need.
        environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ}
        return await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True, env=environment
        )

    async def _live(self, process: Process, socket: Path) -> str:
        try:
            line = await self._first_words(process)
        except TimeoutError:
            return f"it was not ready after {self._patience.start:g} s"
        if line != b"ready\n":
            return f"it ended at its start with status {await process.wait()}"
        self._uri = f"unix://{socket}"
        self._pid = process.pid
        self._starts += 1
        self._up.set()
        self._settled.set()
        log.info("The %s host is up", self._role)
        self._on_event(HostUp(role=self._role, restarts=self._starts - 1))
        return await self._watch(process)

    async def _first_words(self, process: Process) -> bytes:
        """What the host says after the news of its downloads. Raises `TimeoutError`."""
        assert process.stdout is not None
        while True:
            async with asyncio.timeout(self._patience.start):
                line = await process.stdout.readline()
            try:
                news = msgspec.json.decode(line, type=Loading)
            except msgspec.MsgspecError:
                return line
            self._on_event(HostLoading(role=self._role, what=news.what, done=news.done, total=news.total))

    async def _watch(self, process: Process) -> str:
        ended = asyncio.create_task(process.wait())
        ended.add_done_callback(lambda _: self._look.set())
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience.ping_every):
                        await self._look.wait()
                self._look.clear()
                if not await self._lives(process.pid):
                    await asyncio.wait([ended], timeout=_LAST_BREATH)  # silent, or dead?
                    silent = f"it did not answer for {self._patience.ping:g} s"
                    return _how_it_ended(ended.result()) if ended.done() else silent
                self._up.set()
        finally:
            ended.cancel()

    async def _lives(self, pid: int) -> bool:
        """Whether it answers; who is at work is given the time of a job, and on a full machine needs it."""
        began = time.monotonic()
        while True:
            asked_at, worked = time.monotonic(), _processor_seconds(pid)
            if await self._answers():
                return True
            now = time.monotonic()
            if _processor_seconds(pid) - worked < _AT_WORK * (now - asked_at) or now - began > self._engine.job_seconds:
                return False

    async def _answers(self) -> bool:
        try:
            async with Connection(self._uri) as connection:
                await connection.write(Ping(), within=self._patience.ping)
                await connection.read(self._patience.ping)
        except SpeechError:
            return False
        return True


def _private_file(path: Path, content: bytes) -> Path:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return path


def _processor_seconds(pid: int) -> float:
    """What a process has used so far; always 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _how_it_ended(status: int) -> str:
    return f"it was killed by signal {-status}" if status < 0 else f"it ended with status {status}"


async def _last_words(process: Process, role: str) -> str:
    """Log what the host writes to standard error and return its last line."""
    assert process.stderr is not None
    last = b""
    while block := await process.stderr.read(4096):
        for line in block.splitlines():
            log.warning("%s host: %s", role, line.decode("utf-8", "replace")[:500])
        last = (last + block)[-500:]
    lines = last.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""

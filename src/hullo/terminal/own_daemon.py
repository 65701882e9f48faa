"""Reaches the daemon at its socket, and starts one as a child process where none listens."""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from hullo.daemon_client import DaemonClient, NoDaemon

START_SECONDS: Final = 60.0
"""A daemon loads its voice and its recogniser before it listens."""
_STOP_SECONDS: Final = 12.0
_END_SECONDS: Final = 1.0
"""From the end of a connection to that of the process, and from there to its last words."""
_LOOK_EVERY: Final = 0.1
_LAST_WORDS: Final = 200
_LONGEST_LINE: Final = 1 << 20


class DaemonFailed(Exception):
    """The daemon that was started here ended before it listened; the text is its own."""


class OwnDaemon:
    """The daemon at `socket`: whoever's it is, or else `command` as a child; an asynchronous context manager.

    The child ends when the context does: it is asked to by the end of its standard input, which also comes when this
    process is killed.
    """

    def __init__(self, socket: Path, command: Sequence[str]) -> None:
        self.socket = socket
        self.lines: deque[str] = deque(maxlen=_LAST_WORDS)
        """What the child last wrote to its standard error."""
        self._command = command
        self._child: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def was_started(self) -> bool:
        """Whether the daemon is, or was, a child of ours."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """The child's process id, if there is one."""
        return None if self._child is None else self._child.pid

    async def why_lost(self) -> str:
        """How the child ended; empty if there is none, or if it lives."""
        if self._child is None:
            return ""
        try:
            async with asyncio.timeout(_END_SECONDS):
                code = await self._child.wait()
        except TimeoutError:
            return ""
        return (
            f"the daemon was killed by signal {-code}" if code < 0 else f"the daemon ended: {await self._last_words()}"
        )

    async def connect(self, *, start: bool) -> DaemonClient:
        """A client to enter. Without a daemon it starts one if it may.

        Raises `DaemonError` when none is there (or none that we may use), and `DaemonFailed` when ours does not start.
        """
        if await self._listens():
            return DaemonClient(self.socket)
        if not start:
            raise NoDaemon(f"no daemon listens at {self.socket}", "start one: hullo serve")
        await self.stop()
        await self._start()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._until_it_listens()
        except TimeoutError:
            raise DaemonFailed(f"the daemon did not listen within {START_SECONDS:g} s: try hullo serve") from None
        return DaemonClient(self.socket)

    async def stop(self) -> None:
        """End the child, if there is one, within some seconds."""
        child, listening = self._child, self._listening
        self._child = self._listening = None
        if child is None or listening is None:
            return
        assert child.stdin is not None
        child.stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    async def _until_it_listens(self) -> None:
        while not await self._listens():
            assert self._child is not None
            if self._child.returncode is not None:
                raise DaemonFailed(await self._last_words())
            await asyncio.sleep(_LOOK_EVERY)

    async def _listens(self) -> bool:
        try:
            async with DaemonClient(self.socket):
                return True
        except NoDaemon:
            return False

    async def _start(self) -> None:
        self.lines.clear()
        words, theirs = os.pipe()  # a pipe of our own can be closed while somebody else still holds the other end
        try:
            # A session of its own: Ctrl-C and a hang-up of the terminal are for the phone, which ends the daemon.
            self._child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=theirs,
                start_new_session=True,
            )
        except BaseException:
            os.close(words)
            raise
        finally:
            os.close(theirs)
        self._listening = asyncio.create_task(self._listen(os.fdopen(words, "rb")), name="words of the daemon")

    async def _listen(self, words: IO[bytes]) -> None:
        reader = asyncio.StreamReader(limit=_LONGEST_LINE)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), words)
        try:
            while line := await reader.readline():
                self.lines.append(line.decode(errors="replace").rstrip())
        finally:
            transport.close()

    async def _last_words(self) -> str:
        if self._listening is not None:  # whom it started may outlive it for a while, and hold its standard error
            await asyncio.wait([self._listening], timeout=_END_SECONDS)
        errors = [line.removeprefix("error: ") for line in self.lines if line.startswith("error: ")]
        return next(iter([*errors, *reversed(self.lines)]), "it said nothing")


def serve_command(config: Path | None) -> list[str]:
    """The command line of a daemon with the configuration of this phone."""
    given = [] if config is None else ["--config", str(config)]
    return [sys.executable, "-m", "hullo", "serve", "--attached", *given]

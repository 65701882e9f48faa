"""A program of the user's as a brain: what the peer says is a line of its input, the answer lines of its output."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hullo.brain.brain import Brain, BrainError, Message

if TYPE_CHECKING:
    from hullo.call.call import Call

_LONGEST_LINE = 65_536
_END_SECONDS = 2.0

AnswerEnds = Literal["line", "blank"]
"""An answer is one line, or all lines up to a blank one, each spoken as it comes."""


@dataclass(frozen=True, kw_only=True)
class CommandSettings:
    """A program and its arguments (no shell), how its answers end, and its longest silence in seconds."""

    command: Sequence[str]
    answer_ends: AnswerEnds = "line"
    timeout: float = 20.0

    def check(self) -> None:
        """Raise `BrainError` for a program that is not there now."""
        if shutil.which(self.command[0]) is None:
            raise BrainError(f"there is no program {self.command[0]!r} that may be run: check [brain] command")


class CommandBrain:
    """A `Brain`: one process for the call, started anew after it failed.

    It finds `HULLO_CALL_ID`, `HULLO_PEER` and `HULLO_LINE` in its environment. An answer that is given up half way is
    read to its end and dropped before the next question is put.
    """

    def __init__(self, settings: CommandSettings, environment: dict[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._process: Process | None = None
        self._unread = False

    async def start(self) -> None:
        """Start the program if it does not run. Raises `BrainError`."""
        if self._process is not None and self._process.returncode is None:
            return
        self._unread = False
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._settings.command,
                stdin=PIPE,
                stdout=PIPE,
                env={**os.environ, **self._environment},
                limit=_LONGEST_LINE,
                start_new_session=True,  # so that it can be ended with whatever it has started
            )
        except OSError as error:
            raise BrainError(f"{self._name} can't be started: {error.strerror}; check [brain] command") from None

    async def answer(self, conversation: Sequence[Message]) -> AsyncGenerator[str, None]:
        """See `Brain.answer`. What the program writes to standard error goes to the daemon's."""
        await self.start()
        if self._unread:
            await self._skip()
        await self._write(" ".join(conversation[-1].content.split()))
        self._unread = True
        async for line in self._lines():
            yield line + "\n"

    async def stop(self) -> None:
        """Close its input, and end it when that does not within 2 s."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._end()

    @property
    def _name(self) -> str:
        return f"the command {self._settings.command[0]!r}"

    async def _skip(self) -> None:
        async for _ in self._lines():
            pass

    async def _lines(self) -> AsyncIterator[str]:
        while True:
            line = await self._read()
            blank = self._settings.answer_ends == "blank"
            if line or not blank:
                if not blank:
                    self._unread = False
                yield line
            if not blank or not line:
                self._unread = False
                return

    async def _read(self) -> str:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._settings.timeout):
                line = await process.stdout.readline()
        except TimeoutError:
            await self._kill()
            raise BrainError(f"{self._name} gave no answer for {self._settings.timeout:g} s and was ended") from None
        except ValueError:
            await self._kill()
            raise BrainError(f"{self._name} wrote a line of more than {_LONGEST_LINE} bytes") from None
        if not line:
            await self._end()
            raise BrainError(f"{self._name} ended (status {process.returncode}); it is started again when needed")
        return line.decode("utf-8", "replace").strip()

    async def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        with suppress(ConnectionError):  # reading will tell how it ended
            await self._process.stdin.drain()

    async def _end(self) -> None:
        """Let it end by itself, which also leaves it its exit status; what does not within 2 s is killed."""
        assert self._process is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        await self._kill()

    async def _kill(self) -> None:
        """End the program and its children, which may have its output open, and then keep us waiting for it."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


def command_brain(settings: CommandSettings) -> Callable[["Call"], AbstractAsyncContextManager[Brain]]:
    """A `BrainMaker`: the program is started while the call rings."""

    @asynccontextmanager
    async def make(call: "Call") -> AsyncIterator[Brain]:
        environment = {"HULLO_CALL_ID": call.call_id, "HULLO_PEER": call.peer, "HULLO_LINE": call.line}
        brain = CommandBrain(settings, environment)
        try:
            try:
                await brain.start()
            except BrainError as error:  # it is tried again with the first question
                call.note_error("brain", str(error), retryable=True)
            yield brain
        finally:
            await brain.stop()

    return make

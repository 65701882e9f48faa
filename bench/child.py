"""Processes under test, driven from the benchmark by lines of JSON on their standard input and output."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

START_SECONDS = 20.0
_STOP_SECONDS = 10.0


class ChildFailed(RuntimeError):
    """A process under test said nothing in time, or ended; what it wrote to stderr has been shown."""


class Child:
    """One process that runs a module of `bench.ends`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self._name = name
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def hear(self, timeout: float = START_SECONDS) -> dict[str, Any]:
        """The next line that it says. Raises `ChildFailed` when none comes in `timeout` seconds."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(timeout):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ChildFailed(f"{self._name} said nothing for {timeout:g} s") from None
        if not line:
            raise ChildFailed(f"{self._name} ended before its time")
        said: dict[str, Any] = json.loads(line)
        return said

    async def ask(self, timeout: float = START_SECONDS, **question: Any) -> dict[str, Any]:
        """Say one line and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.hear(timeout)

    async def _stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # the end of its input is what a child ends by
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def child(
    end: str, options: Mapping[str, Any], *, core: int | None = None, first: bool = False
) -> AsyncIterator[Child]:
    """Run `bench.ends.END` with `options`; it is stopped at the end of the context.

    `core` is the one that it is kept on, and `first` lets it go before all else there, if the system permits.
    """
    arguments = json.dumps({**options, "core": core, "first": first, "parent": os.getpid()})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"bench.ends.{end}",
        arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_environment(),
        start_new_session=True,  # so that it can go first by itself
    )
    running = Child(end, process)
    try:
        yield running
    finally:
        await running._stop()


def _environment() -> Mapping[str, str]:
    # Libraries for numbers start a thread for every core, which no call needs.
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

"""The child's side of `bench.child`: options in, lines of JSON out and in."""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_FIRST = -15
_PR_SET_PDEATHSIG = 1
_SESSION = Path("/proc/self/autogroup")


def options() -> dict[str, Any]:
    """What this process was started with. Moves it to the core that it is to stay on, and to the front there.

    From now on it ends with its parent, however that ends.
    """
    given: dict[str, Any] = json.loads(sys.argv[1])
    _end_with(given.pop("parent"))
    core = given.pop("core")
    if core is not None:
        os.sched_setaffinity(0, {core})
    if given.pop("first"):
        with suppress(PermissionError):  # then it takes its turn; `usage` tells which it was
            _go_first()
    return given


def _end_with(parent: int) -> None:
    """A child that reads no questions would not notice the end of its input (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it has ended already
        sys.exit(1)


def _go_first() -> None:
    """Linux shares a core among sessions before niceness counts within one, so the session needs it too (sched(7))."""
    if _SESSION.exists():
        _SESSION.write_text(str(_FIRST))
    os.setpriority(os.PRIO_PROCESS, 0, _FIRST)


def tell(**said: Any) -> None:
    """Say one line."""
    print(json.dumps(said), flush=True)


def end_on_error() -> None:
    """From now on an error in a callback of the event loop ends this process: half a run gives no figures."""

    def end(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        loop.stop()

    asyncio.get_running_loop().set_exception_handler(end)


async def questions() -> AsyncIterator[dict[str, Any]]:
    """What the parent asks, one after the other, until it has no more questions: then it is time to end."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        yield json.loads(line)

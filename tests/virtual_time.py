"""An event loop whose time passes only while it waits, and then at once: for tests of deadlines and of timers."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from typing_extensions import override

ParamsT = ParamSpec("ParamsT")


class _Jumping(selectors.DefaultSelector):
    """Waits for no timer: moves the time of the loop to it instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        events: list[Any] = super().select(None if timeout is None else 0)
        if not events and timeout is not None:
            self.now += timeout
        return events


class VirtualTime(asyncio.SelectorEventLoop):
    """Only for tests whose other end is in this process: what comes from outside takes no time here."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    @override
    def time(self) -> float:
        return self._jumping.now

    def pass_time(self, seconds: float) -> None:
        """Let time pass while nothing runs, as when the process stands still."""
        self._jumping.now += seconds


def in_virtual_time(test: Callable[ParamsT, Coroutine[Any, Any, None]]) -> Callable[ParamsT, None]:
    """Run a test in such a loop."""

    @functools.wraps(test)
    def run(*arguments: ParamsT.args, **fixtures: ParamsT.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualTime) as runner:
            runner.run(test(*arguments, **fixtures))

    return run

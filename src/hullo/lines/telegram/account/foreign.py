"""Other people's coroutines, which may swallow a cancellation, as `asyncio.wait_for` does before Python 3.12.

Each runs in a task of its own, so that a cancellation of ours always arrives.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

_STOP_WITHIN = 5.0


async def cancellable(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """The result of `work`, which is cancelled with us."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task], timeout=_STOP_WITHIN)
        retrieve(task)
        raise
    return task.result()


class Over(Exception):
    """What was waited for will not come."""


async def unless(over: asyncio.Event, work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """The result of `work`. Raises `Over` if the event is set before it is there."""
    working = asyncio.ensure_future(work)
    working.add_done_callback(retrieve)
    ending = asyncio.ensure_future(over.wait())
    try:
        await asyncio.wait([working, ending], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Over
    finally:
        for task in (working, ending):
            task.cancel()
        await asyncio.wait([working, ending])


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Let some clean-up finish, even when we are cancelled; bounded in time, never raises anything of its own."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=_STOP_WITHIN)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_STOP_WITHIN)
        raise
    finally:
        task.cancel()
        retrieve(task)


def retrieve(task: "asyncio.Task[Any]") -> None:
    """Take note of how a task ended, since nobody else asks."""
    if task.done():
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()

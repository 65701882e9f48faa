"""When things happen in a measured call: on a grid of 20 ms whose phase the benchmark chooses."""

import asyncio
import math
import time
from collections.abc import AsyncIterator

from hullo.media.pcm import FRAME_SECONDS


def next_on_grid(now: float, phase: float) -> float:
    """The first time after `now` that is `phase` seconds after a multiple of 20 ms."""
    return (math.floor((now - phase) / FRAME_SECONDS) + 1) * FRAME_SECONDS + phase


async def until(due: float) -> None:
    """Sleep until a time of the monotonic clock."""
    await asyncio.sleep(due - time.monotonic())


async def sound_card(phase: float) -> AsyncIterator[float]:
    """The interrupts of a sound card: one in 20 ms, for ever. One that is missed by 20 ms or more is gone."""
    due = next_on_grid(time.monotonic(), phase)
    while True:
        await until(due)
        now = time.monotonic()
        yield now
        due = next_on_grid(max(now, due), phase)

"""Many calls one after the other in one process, and what they leave behind."""

import asyncio
import ctypes
import gc
import os
import threading
from contextlib import suppress
from pathlib import Path

from typing_extensions import override

from hullo.lines.line import Ending, EndReason
from tests.lines.calls import DEADLINE, Listening, answered
from tests.rtc.tones import Listener, Tone

BYE = Ending(EndReason.COMPLETED, "next call")


class Footprint:
    """What this process holds: tasks, threads, file descriptors, resident bytes, and objects the collector knows."""

    def __init__(self) -> None:
        gc.collect()
        with suppress(AttributeError):  # glibc only; what its arenas keep for later is not held by a call
            ctypes.CDLL(None).malloc_trim(0)
        self.tasks = len(asyncio.all_tasks())
        self.threads = threading.active_count()
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self.objects = len(gc.get_objects())

    @override
    def __repr__(self) -> str:
        return (
            f"{self.tasks} tasks, {self.threads} threads, {self.descriptors} descriptors,"
            f" {self.resident / 1e6:.1f} MB, {self.objects} objects"
        )


async def one_call(line: Listening) -> None:
    """Dial, answer, prove the sound, hang up: the caller in even calls, the callee in odd ones."""
    caller, callee = await answered(line)
    for leg, hertz in ((caller, 440), (callee, 1000)):
        leg.open(Listener(), Tone(hertz))
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(caller.connected(), callee.connected())
        await caller.close(BYE)
        await callee.ended()
        await callee.close(BYE)

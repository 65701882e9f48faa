import asyncio

from hullo.brain.silence import SilenceWatch
from tests.virtual_time import in_virtual_time


class Silences:
    """When silences were told."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def __call__(self) -> None:
        self.at.append(asyncio.get_running_loop().time())


@in_virtual_time
async def test_each_silence_is_told_until_something_happens() -> None:
    silences = Silences()
    watch = SilenceWatch(20.0, silences)
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run())
        await asyncio.sleep(50)
        watch.notice()
        await asyncio.sleep(19)
        watch.notice()
        await asyncio.sleep(21)
        watching.cancel()
    assert [round(at - began) for at in silences.at] == [20, 40, 89]


@in_virtual_time
async def test_zero_seconds_are_never_over() -> None:
    silences = Silences()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(SilenceWatch(0, silences).run())
        await asyncio.sleep(10_000)
        watching.cancel()
    assert silences.at == []

import asyncio
import threading
from functools import partial

import pytest

from hullo.speech.hosting.worker import EngineStuck, Worker


async def test_jobs_run_one_at_a_time_in_the_order_they_came() -> None:
    worker, log = Worker(), list[str]()

    def job(name: str) -> str:
        log.append(f"{name} begins")
        log.append(f"{name} ends")
        return name

    results = await asyncio.gather(*(worker.run(partial(job, name)) for name in "abc"))
    assert results == ["a", "b", "c"]
    assert log == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


async def test_a_job_that_does_not_end_is_noticed_and_waiting_ones_are_not_blamed() -> None:
    worker, release = Worker(), threading.Event()
    stuck = asyncio.create_task(worker.run(release.wait))
    try:
        with pytest.raises(EngineStuck, match=r"has not ended in 0\.1 s"):
            async with asyncio.timeout(30):
                await worker.watch(0.1)
    finally:
        release.set()
        await stuck


async def test_work_that_ends_in_time_is_left_alone() -> None:
    worker = Worker()
    watch = asyncio.create_task(worker.watch(30.0))
    for _ in range(3):
        await worker.run(lambda: None)
    assert not watch.done()
    watch.cancel()
    await asyncio.wait([watch])

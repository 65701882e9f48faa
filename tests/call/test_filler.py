import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hullo.call.filler import Filler
from tests.speech.support import eventually
from tests.virtual_time import in_virtual_time


@asynccontextmanager
async def filling(*texts: str) -> AsyncIterator[tuple[Filler, list[str]]]:
    said: list[str] = []
    filler = Filler(texts, 0.05, said.append)
    task = asyncio.create_task(filler.run())
    try:
        yield filler, said
    finally:
        task.cancel()
        await asyncio.wait([task])


@in_virtual_time
async def test_somebody_who_waits_hears_something_once_and_another_thing_next_time() -> None:
    async with filling("One moment.", "Let me see.") as (filler, said):
        filler.understood()
        await eventually(lambda: said)
        await asyncio.sleep(0.1)
        assert said == ["One moment."]
        filler.understood()
        await eventually(lambda: len(said) == 2)
        assert said == ["One moment.", "Let me see."]


@in_virtual_time
async def test_an_answer_in_time_needs_no_filler() -> None:
    async with filling("One moment.") as (filler, said):
        filler.understood()
        await asyncio.sleep(0)
        filler.answered()
        filler.understood()
        filler.answered()
        await asyncio.sleep(0.15)
        assert said == []


@in_virtual_time
async def test_without_texts_nothing_is_said() -> None:
    async with filling() as (filler, said):
        filler.understood()
        await asyncio.sleep(0.15)
        assert said == []

import asyncio

import pytest

from hullo.call.event_stream import EventsMissed, EventStream
from hullo.call.events import CallEvent, Quality, SpeechStarted
from hullo.lines.line import LegStats


def said(seq: int) -> CallEvent:
    return SpeechStarted(call_id="c", seq=seq, timestamp=0, started_at=0.0)


def level(seq: int) -> CallEvent:
    return Quality(call_id="c", seq=seq, timestamp=0, stats=LegStats())


async def read(stream: EventStream) -> list[int]:
    return [event.seq async for event in stream]


async def test_events_come_in_order_and_then_the_end() -> None:
    stream = EventStream()
    for seq in range(3):
        stream.put(said(seq))
    stream.close()
    assert await read(stream) == [0, 1, 2]


async def test_a_reader_that_waits_is_woken() -> None:
    stream = EventStream()
    reading = asyncio.create_task(read(stream))
    await asyncio.sleep(0)
    stream.put(said(1))
    stream.close()
    assert await asyncio.wait_for(reading, 30) == [1]


async def test_levels_are_dropped_first_for_a_slow_reader() -> None:
    stream = EventStream(limit=3)
    for event in [level(1), said(2), level(3), said(4), said(5), level(6)]:
        stream.put(event)
    stream.close()
    assert await read(stream) == [2, 4, 5]
    assert stream.dropped == 3


async def test_a_reader_that_would_miss_something_is_told_after_what_it_has() -> None:
    stream = EventStream(limit=2)
    for seq in range(4):
        stream.put(said(seq))
    assert (await anext(stream)).seq == 0
    assert (await anext(stream)).seq == 1
    with pytest.raises(EventsMissed, match="2 events behind"):
        await anext(stream)


async def test_a_closed_stream_takes_nothing_and_says_so_once() -> None:
    closed: list[EventStream] = []
    stream = EventStream(on_close=closed.append)
    stream.close()
    stream.close()
    stream.put(said(1))
    assert await read(stream) == []
    assert closed == [stream]

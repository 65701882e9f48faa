"""The figures count what happened, with labels that do not grow."""

import asyncio

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from hullo.call.limits import Limits
from hullo.call.switchboard import Switchboard
from hullo.rtc.clock import MediaClock
from hullo.service.metrics import Metrics
from hullo.service.metrics_server import serving_metrics
from tests.service.loopback_line import LoopbackLine


async def scrape(url: str, accept: str = "text/plain") -> str:
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": accept}) as response:
        assert response.status == 200
        return await response.text()


def samples(text: str) -> dict[str, float]:
    """Every sample as `name{value,value}`, the values in the order of their labels' names."""
    return {
        sample.name + "{" + ",".join(sample.labels.values()) + "}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_calls_are_counted_by_state_and_by_how_they_ended() -> None:
    line = LoopbackLine()
    board = Switchboard([line], limits=Limits(calls=5))
    metrics = Metrics(board, MediaClock(freeze_gc=False), lambda: 7)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(metrics.run())
        async with board, serving_metrics(metrics, "127.0.0.1", 0) as url:
            ended = board.dial("loop:ann")
            async for event in ended.events():
                if type(event).__name__ == "Connected":
                    break
            ended.note_error("voice", "hoarse", retryable=True)
            ended.hangup()
            await ended.wait_ended()
            await board.dial("loop:busy").wait_ended()
            board.dial("loop:nobody")
            await asyncio.sleep(0.05)
            found = samples(await scrape(url))
            assert found["hullo_calls{ringing}"] == 1
            assert found["hullo_calls{active}"] == 0
            assert found["hullo_calls_ended_total{outgoing,loopback,hangup-bot}"] == 1
            assert found["hullo_calls_ended_total{outgoing,loopback,busy}"] == 1
            assert found["hullo_call_setup_seconds_count{outgoing,loopback}"] == 1
            assert found["hullo_call_duration_seconds_count{outgoing,loopback}"] == 1
            assert found["hullo_call_errors_total{voice}"] == 1
            assert found["hullo_rpc_clients{}"] == 7
            assert "hullo_clock_late_ticks_total{20ms}" in found
            assert "# EOF" in await scrape(url, "application/openmetrics-text")
        await counting


async def test_labels_do_not_grow_with_calls() -> None:
    board = Switchboard([LoopbackLine()], limits=Limits(calls=100))
    metrics = Metrics(board, MediaClock(freeze_gc=False), lambda: 0)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(metrics.run())
        async with board:
            sizes = []
            for _ in range(2):
                calls = [board.dial(f"loop:busy{number}") for number in range(30)]
                for call in calls:
                    call.hangup()
                    await call.wait_ended()
                sizes.append(len(samples(metrics.exposition("text/plain")[0].decode())))
        await counting
    assert sizes[0] == sizes[1]
    assert b"busy1" not in metrics.exposition("text/plain")[0]

"""What all calls share is made once, and the lines are built on it."""

import pytest

from hullo.call.exchange import Exchange
from tests.service.loopback_line import LoopbackLine


async def test_lines_come_before_the_first_call() -> None:
    exchange = Exchange(None)
    exchange.switchboard.add(LoopbackLine())
    async with exchange, exchange.switchboard:
        assert await exchange.lines_ready(1.0) == []
        with pytest.raises(RuntimeError, match="before the switchboard runs"):
            exchange.switchboard.add(LoopbackLine())


async def test_a_line_that_does_not_come_up_is_named() -> None:
    exchange = Exchange(None)
    line = LoopbackLine()
    line.ready = False
    exchange.switchboard.add(line)
    async with exchange, exchange.switchboard:
        assert [status.name for status in await exchange.lines_ready(0.02)] == [line.name]

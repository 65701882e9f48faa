"""Calls over two nodes of a rendezvous, processes of their own, of which one is killed."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.lines.direct.memory_channel import DEADLINE
from tests.lines.direct.rendezvous import Member, people
from tests.lines.direct.samples import ALICE, BOB
from tests.lines.direct.test_private_call import call
from tests.rendezvous.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.peer


@asynccontextmanager
async def a_node(redis: RedisServer) -> AsyncIterator[dict[str, Process]]:
    """`hullo rendezvous --redis`, by its address."""
    command = [sys.executable, "-m", "hullo", "rendezvous", "--port", "0", "--redis", redis.url]
    process = await create_subprocess_exec(*command, stdout=PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            url = (await process.stdout.readline()).decode().strip()
        assert re.match("ws://", url)
        yield {url: process}
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def connected_to(member: Member) -> str:
    """The address of the node that a device is connected to, or was last."""
    socket = member.channel._client._socket
    return "" if socket is None else str(socket._response.url)


async def test_one_node_is_killed_and_calls_go_on_at_the_other(tmp_path: Path) -> None:
    with TemporaryDirectory() as folder, redis_server(Path(folder)) as redis:
        async with a_node(redis) as one, a_node(redis) as other, people([*one, *other], tmp_path) as both:
            alice = await both.join(ALICE, "bob")
            hers = connected_to(alice)
            (first, process), (second, _) = sorted((one | other).items(), key=lambda node: node[0] != hers)
            async with people([second], tmp_path) as at_second:
                bob = await at_second.join(BOB, "alice")
                await call(alice, bob)
                await call(bob, alice)
                process.kill()
                async with asyncio.timeout(DEADLINE):
                    while connected_to(alice) != second:
                        await asyncio.sleep(0.01)
                assert (hers, connected_to(bob)) == (first, second)
                await call(alice, bob)
                await call(bob, alice)

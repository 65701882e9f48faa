"""Clients that behave badly harm themselves and nobody else."""

import asyncio
import contextlib
import gc
import json
import os
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hullo.service import client as client_module
from hullo.service.errors import ErrorCode
from hullo.service.framing import MESSAGE_LIMIT, Framing
from hullo.service.rpc import INVALID_REQUEST, PARSE_ERROR
from tests.service.socket_client import Running, SocketClient, running
from tests.service.test_methods import active_call, until


@contextlib.asynccontextmanager
async def unharmed(server: Running) -> AsyncIterator[SocketClient]:
    """A client that must be served as ever after whatever happens inside."""
    async with await SocketClient.connect(server.path) as client:
        await client.result("health")
        yield client
        call_id = (await client.result("call.start", {"to": "loop:bob"}))["call_id"]
        assert (await client.until("call.ringing"))["call_id"] == call_id
        await until(lambda: server.server.clients == 1)


async def raw(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(path))


@pytest.mark.parametrize("framing", Framing)
async def test_answers_and_events_come_in_the_framing_of_the_client(framing: Framing) -> None:
    async with running() as server, await SocketClient.connect(server.path, framing) as client:
        await active_call(client)
        await client.result("call.hangup")
        assert (await client.until("call.ended"))["reason"] == "hangup-bot"


async def test_a_client_that_only_listens_gets_lines() -> None:
    async with running() as server:
        reader, writer = await raw(server.path)
        await until(lambda: server.server.clients == 1)
        server.line.ring("bob")
        assert json.loads(await reader.readline())["method"] == "call.incoming"
        writer.close()


async def test_half_a_message_and_gone() -> None:
    async with running() as server, unharmed(server):
        _, writer = await raw(server.path)
        writer.write(b'{"jsonrpc":"2.0","id":1,"meth')
        writer.close()


async def test_gone_without_reading_the_answer() -> None:
    async with running() as server, unharmed(server):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(server.path))
            client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n' * 50)


async def test_a_line_that_is_too_long_costs_one_error_and_the_connection_goes_on() -> None:
    async with running() as server, unharmed(server), await SocketClient.connect(server.path) as client:
        await client.send(b"x" * (2 * MESSAGE_LIMIT))
        answer = await client.receive()
        assert answer["error"]["code"] == INVALID_REQUEST
        assert "longer than the limit" in answer["error"]["message"]
        await client.result("health")


async def test_garbage_is_answered_with_errors() -> None:
    noise = random.Random(7).randbytes(20_000).lstrip(b"\0Cc")
    async with running() as server, unharmed(server):
        reader, writer = await raw(server.path)
        writer.write(noise + b"\n")
        assert json.loads(await reader.readline())["error"]["code"] == PARSE_ERROR
        writer.close()


async def test_an_absurd_length_is_answered_and_ends_the_connection() -> None:
    async with running() as server, unharmed(server):
        reader, writer = await raw(server.path)
        writer.write(b"\0\0\0\2{}" + b"\xff" * 4)
        answers = await reader.read()
        assert answers.count(b'"error"') == 2
        assert b"out of step" in answers
        writer.close()


async def test_a_client_that_asks_and_closes_its_side_is_still_answered() -> None:
    async with running() as server:
        reader, writer = await raw(server.path)
        writer.write(b'{"jsonrpc":"2.0","id":"last","method":"health"}\n')
        writer.write_eof()
        assert json.loads(await reader.read())["id"] == "last"
        writer.close()


async def test_requests_that_come_all_at_once_are_answered_in_order() -> None:
    async with running() as server:
        reader, writer = await raw(server.path)
        writer.write(b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"line.list"}\n' % i for i in range(2000)))
        answers = [json.loads(await reader.readline()) for _ in range(2000)]
        assert [answer["id"] for answer in answers] == list(range(2000))
        writer.close()


async def test_a_client_that_never_reads_is_dropped_and_others_miss_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "WRITE_SECONDS", 0.5)
    events = 10_000
    async with running() as server, await SocketClient.connect(server.path) as client:
        call_id = await active_call(client)
        call = server.board.call(call_id)
        deaf = socket.socket(socket.AF_UNIX)
        deaf.connect(str(server.path))
        await until(lambda: server.server.clients == 2)
        text = "x" * 200
        for number in range(events):
            call.note_error("test", f"{number} {text}", retryable=bool(number % 2))
            if number % 200 == 0:
                await client.result("health")  # reads along
        await client.result("call.hangup")
        await client.until("call.ended")
        seen = [one["params"]["error"].split()[0] for one in client.notifications if one["method"] == "call.error"]
        assert seen == [str(number) for number in range(events)]
        await until(lambda: server.server.clients == 1)
        deaf.close()


async def test_a_client_that_was_too_slow_is_told_that_it_missed_something() -> None:
    async with running() as server, await SocketClient.connect(server.path) as client:
        call = server.board.call(await active_call(client))
        reader, writer = await raw(server.path)
        await until(lambda: server.server.clients == 2)
        for _ in range(2000):
            call.note_error("test", "x", retryable=False)
        lines = [json.loads(line) for line in (await reader.read()).splitlines()]
        assert [line["method"] for line in lines[:-1]] == ["call.error"] * (len(lines) - 1)
        assert lines[-1]["error"]["code"] == ErrorCode.EVENTS_MISSED
        writer.close()


async def test_two_hundred_clients_are_all_served_and_told() -> None:
    async with running() as server, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(await SocketClient.connect(server.path)) for _ in range(200)]
        await asyncio.gather(*(client.result("health") for client in clients))
        offer = server.line.ring("bob")
        told = await asyncio.gather(*(client.until("call.incoming") for client in clients))
        assert {event["peer"] for event in told} == {"bob"}
        await clients[117].result("call.reject")
        await asyncio.gather(*(client.until("call.ended") for client in clients))
        assert offer.rejected_with is not None
        assert server.server.clients == 200


async def test_one_client_too_many_is_told_so_and_let_in_later() -> None:
    async with running(max_clients=2) as server, await SocketClient.connect(server.path) as first:
        await first.result("health")
        async with await SocketClient.connect(server.path) as second, await SocketClient.connect(server.path) as third:
            await second.result("health")
            refusal = await third.receive()
            assert refusal["error"]["data"]["kind"] == "too-many-clients"
            with pytest.raises(EOFError):
                await third.receive()
        await until(lambda: server.server.clients == 1)
        async with await SocketClient.connect(server.path) as fourth:
            await fourth.result("health")


async def test_clients_are_told_how_the_last_calls_ended_when_the_daemon_stops() -> None:
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(running())
        client = await SocketClient.connect(server.path)
        await active_call(client)
        await stack.aclose()
        ended = await client.until("call.ended")
        assert (ended["reason"], ended["detail"]) == ("hangup-bot", "this process is stopping")
        with pytest.raises(EOFError):
            await client.receive()
        client.writer.close()


async def test_nothing_is_left_of_a_thousand_clients() -> None:
    async with running() as server:

        async def visit() -> None:
            async with await SocketClient.connect(server.path) as client:
                await client.result("health")

        for _ in range(20):
            await visit()
        await until(lambda: server.server.clients == 0)
        gc.collect()
        before = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
        for _ in range(100):
            await asyncio.gather(*(visit() for _ in range(10)))
        await until(lambda: server.server.clients == 0)
        gc.collect()
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before[0] and len(asyncio.all_tasks()) <= before[1])

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest

from hullo.brain.brain import BrainError, Message
from hullo.brain.chat import ChatBrain, ChatSettings
from tests.brain.chat_server import BREAK, DONE, HANG, ChatServer, chunk, serving

QUESTION = [Message("system", "Be brief."), Message("user", "Hello?")]


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with serving() as running:
        yield running


async def ask(server: ChatServer, **settings: Any) -> list[str]:
    async with aiohttp.ClientSession() as session:
        brain = ChatBrain(ChatSettings(url=server.url, model="tiny", **settings), session)
        return [piece async for piece in brain.answer(QUESTION)]


async def test_tokens_come_as_they_are_streamed(server: ChatServer) -> None:
    assert await ask(server, api_key="secret", options={"temperature": 0.1}) == ["Hello", " there."]
    assert server.asked == [
        {
            "model": "tiny",
            "stream": True,
            "temperature": 0.1,
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        }
    ]
    assert server.keys == ["Bearer secret"]


async def test_a_server_that_does_not_stream(server: ChatServer) -> None:
    server.content_type = "application/json"
    server.script = [json.dumps({"choices": [{"message": {"content": "Hello there."}}]}).encode()]
    assert await ask(server) == ["Hello there."]
    assert server.keys == [None]


async def test_an_answer_that_is_not_wanted_any_more_is_given_up_at_the_server(server: ChatServer) -> None:
    server.script = [chunk("Hello"), HANG]
    async with aiohttp.ClientSession() as session:
        brain = ChatBrain(ChatSettings(url=server.url, model="tiny"), session)
        async with aclosing(brain.answer(QUESTION)) as pieces:
            assert await anext(pieces) == "Hello"
        async with asyncio.timeout(30):
            await server.given_up.wait()


@pytest.mark.parametrize(
    ("status", "script", "said"),
    [
        (401, [b'{"error": {"message": "no such key"}}'], "refused: 401 no such key"),
        (404, [b"<html>"], "refused: 404 Not Found"),
        (200, [chunk("Hello"), b'data: {"error": {"message": "out of memory"}}\n\n'], "failed: out of memory"),
        (200, [b"data: what?\n\n"], "no chat completion"),
        (200, [b"data: []\n\n"], "no chat completion"),
        (200, [chunk("Hello"), BREAK], "broke off"),
        (200, [HANG], "was silent for 0.3 s"),
        (200, [chunk("word " * 5000)], "does not stop"),
        (200, [chunk("<think>"), chunk("hm, " * 3000), chunk("but " * 3000), DONE], "does not stop"),
        (200, [b"<html>It works!</html>"], "no words at all"),
        (200, [chunk(" "), DONE], "no words at all"),
        (200, [], "no words at all"),
    ],
)
async def test_what_goes_wrong_is_told(server: ChatServer, status: int, script: list[bytes], said: str) -> None:
    server.status, server.script = status, script
    with pytest.raises(BrainError, match=said):
        await ask(server, timeout=0.3 if HANG in script else 30.0)


@pytest.mark.parametrize("answer", [b'{"choices": "\xff"}', b"[" * 100_000], ids=["no UTF-8", "far too deep"])
async def test_an_answer_that_makes_no_sense_is_told(server: ChatServer, answer: bytes) -> None:
    server.content_type = "application/json"
    server.script = [answer]
    with pytest.raises(BrainError, match="no chat completion"):
        await ask(server)


async def test_nobody_there() -> None:
    async with aiohttp.ClientSession() as session:
        brain = ChatBrain(ChatSettings(url="http://127.0.0.1:1/v1", model="tiny"), session)
        with pytest.raises(BrainError, match="is it running"):
            await brain.warm()


async def test_empty_chunks_are_nothing(server: ChatServer) -> None:
    role = b'data: {"choices": [{"delta": {"role": "assistant", "content": null}}]}\n\n'
    usage = b'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n'
    server.script = [role, chunk("Hi."), usage, DONE]
    assert await ask(server) == ["Hi."]


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "", "http://"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="base of a chat endpoint"):
        ChatSettings(url=url, model="tiny")

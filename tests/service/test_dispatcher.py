"""A request has a deadline of its own, and what comes after it is still done."""

import asyncio
import json
import time

import hullo
from hullo.call.switchboard import Switchboard
from hullo.service.dispatcher import Dispatcher
from hullo.service.errors import ErrorCode
from hullo.service.method import Service
from hullo.speech.service import SpeechService
from tests.service.loopback_line import LoopbackLine
from tests.speech.openai_server import KEY, OpenAiHost


async def test_a_request_that_takes_too_long_is_given_up_and_the_next_one_is_done() -> None:
    host = OpenAiHost(trouble="hang")
    async with asyncio.timeout(30), host.serving() as base:
        settings = hullo.SpeechSettings(recogniser=None, voice=base, voice_api_key=KEY)
        async with SpeechService(settings) as speech:
            service = Service(
                switchboard=Switchboard([LoopbackLine()]),
                speech=speech,
                clients=lambda: 1,
                page=lambda: None,
                started=time.monotonic(),
            )
            answer = await Dispatcher(service, request_seconds=0.2).answer(
                b'[{"jsonrpc":"2.0","id":1,"method":"speech.prepare","params":{"texts":["Good morning."]}},'
                b'{"jsonrpc":"2.0","id":2,"method":"call.list"}]'
            )
    assert answer is not None
    slow, next_one = json.loads(answer)
    assert slow["error"]["code"] == ErrorCode.TOO_SLOW
    assert slow["error"]["data"]["hint"]
    assert next_one["result"] == []

"""The server's side where only an engine of our own making can bring about what happens."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from hullo.media.pcm import Pcm
from hullo.speech.engines.engine import Emit, EngineInfo, Recognition, RecognitionRequest
from hullo.speech.errors import SpeechError
from hullo.speech.hosting.recogniser_handler import RecogniserHandler
from hullo.speech.hosting.voice_handler import VoiceHandler
from hullo.speech.hosting.worker import Worker
from hullo.speech.servers.client import RecogniserClient, VoiceClient
from tests.speech.support import eventually, serving, silence, spoken

INFO = EngineInfo("test", "test", "", "1", "test", ["en"])


class Recogniser:
    """Fails, then waits until nobody wants its answer, then answers."""

    info = INFO

    def __init__(self) -> None:
        self.calls = 0
        self.begun = threading.Event()
        self.given_up = False

    def transcribe(self, samples: Pcm, request: RecognitionRequest, wanted: Callable[[], bool]) -> Recognition | None:
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError("out of luck")
        if self.calls == 2:
            self.begun.set()
            while wanted():
                pass
            self.given_up = True
            return None
        return Recognition("hello", 0.5)


class BrokenVoice:
    """Breaks off after its first sound."""

    info = INFO
    rate = 16_000

    def synthesise(self, text: str, voice: str | None, speaker: str | None, emit: Emit) -> None:
        emit(b"\1\0" * 800)
        raise RuntimeError("out of breath")


async def test_an_engine_that_fails_is_told_and_the_next_request_is_served(tmp_path: Path) -> None:
    engine = Recogniser()
    async with serving(tmp_path, partial(RecogniserHandler, engine, Worker())) as endpoint:
        client = RecogniserClient(endpoint, timeout=60)
        with pytest.raises(SpeechError, match=r"the engine failed: RuntimeError.*out of luck"):
            await client.transcribe(silence(0.5, 16_000))
        impatient = asyncio.create_task(client.transcribe(silence(0.5, 16_000)))
        await eventually(engine.begun.is_set)
        impatient.cancel()
        result = await client.transcribe(silence(0.5, 16_000))
    assert engine.given_up, "what nobody waits for any more is given up"
    assert (result.text, result.confidence) == ("hello", 0.5)


async def test_a_voice_that_fails_in_mid_sentence_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path, partial(VoiceHandler, BrokenVoice(), Worker())) as endpoint:
        with pytest.raises(SpeechError, match="out of breath"):
            await spoken(VoiceClient(endpoint, timeout=60), "hello")


async def test_clients_that_leave_at_any_moment_leave_no_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Recogniser()
    engine.calls = 2
    async with serving(tmp_path, partial(RecogniserHandler, engine, Worker())) as endpoint:
        client = RecogniserClient(endpoint, timeout=60)
        for patience in range(40):
            leaving = asyncio.create_task(client.transcribe(silence(2.0, 16_000)))
            for _ in range(patience):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait([leaving])
        assert (await client.transcribe(silence(0.5, 16_000))).text == "hello"
    assert caplog.records == []

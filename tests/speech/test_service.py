import asyncio
import dataclasses
import os
import signal
import tempfile
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from wyoming.event import Event, async_read_event, async_write_event

from hullo.speech.errors import SpeechError
from hullo.speech.events import HostEvent, QueueEvent, Resumed
from hullo.speech.servers.wire import Connection
from hullo.speech.service import SpeechService, synthesise
from hullo.speech.settings import SpeechSettings
from tests.speech.support import eventually, server

ONLY_VOICE = SpeechSettings(recogniser=None)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where hosts have their sockets in this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_it_starts_what_is_asked_for_and_leaves_nothing(directory: Path) -> None:
    async with SpeechService() as service:
        pids = list(service.hosts.values())
        assert list(service.hosts) == ["recogniser", "voice"]
        service.listener(lambda _: None)
        service.queue(lambda _: None)
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids if pid is not None)
    assert os.listdir(directory) == []


async def test_servers_of_others_need_no_hosts(voice_uri: str, recogniser_uri: str) -> None:
    async with SpeechService(SpeechSettings(recogniser=recogniser_uri, voice=voice_uri)) as service:
        assert service.hosts == {}
        assert len(await service.synthesise("Hello."))


async def test_a_whole_text_without_a_call() -> None:
    fast = await synthesise("This is the caller.", SpeechSettings(speed=300))
    slow = await synthesise("This is the caller.", SpeechSettings(speed=100))
    assert fast.dtype == np.int16
    assert len(slow) > 2 * len(fast)


async def test_what_cannot_start_is_one_error_and_nothing_is_left(directory: Path) -> None:
    with pytest.raises(SpeechError, match="no voice 'klingon!'"):
        async with SpeechService(dataclasses.replace(ONLY_VOICE, voice_name="klingon!")):
            pytest.fail("it started")
    assert os.listdir(directory) == []
    assert not [child for child in psutil.Process().children() if "klingon!" in " ".join(child.cmdline())]


async def test_an_error_of_the_program_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with SpeechService(ONLY_VOICE):
            raise ZeroDivisionError


async def test_what_it_was_started_without_it_refuses(tmp_path: Path) -> None:
    async with SpeechService(SpeechSettings(recogniser=None, voice=None)) as service:
        with pytest.raises(SpeechError, match="without a recogniser"):
            service.listener(lambda _: None)
        with pytest.raises(SpeechError, match="without a voice"):
            await service.synthesise("hello")
        with pytest.raises(SpeechError, match="without a voice"):
            service.queue(lambda _: None).say("hello")
        path = tmp_path / "a.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(b"\1\1" * 800)
        await service.queue(lambda _: None).play(path)


async def test_the_death_of_a_host_and_its_return_are_told() -> None:
    events: list[HostEvent] = []
    spoken: list[QueueEvent] = []
    async with SpeechService(ONLY_VOICE, events.append) as service:
        pid = service.hosts["voice"]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: len(events) == 3)
        assert len(await service.synthesise("Here I am again."))
        assert service.queue(spoken.append).idle
    assert [type(event).__name__ for event in events] == ["HostUp", "HostDown", "HostUp"]


async def test_words_of_a_server_that_tells_none_are_found_in_a_host_that_starts_for_them(
    voice_uri: str, tmp_path: Path
) -> None:
    now, events = 0.0, list[QueueEvent]()
    async with (
        untold(voice_uri, tmp_path) as uri,
        SpeechService(SpeechSettings(recogniser=None, voice=uri), clock=lambda: now) as service,
    ):
        assert not hosts_of_aligners()
        queue = service.queue(events.append)
        running = asyncio.create_task(queue.run())
        queue.say("There is a garden behind the house.")
        await eventually(lambda: queue.ahead > 1.0)
        await eventually(hosts_of_aligners)
        for _ in range(50):
            now += 0.02
            assert queue.next_frame(now) is not None
        async with asyncio.timeout(30):
            while not (events and isinstance(events[-1], Resumed) and events[-1].word_timing == "aligned"):
                queue.pause()
                queue.resume()
                await asyncio.sleep(0.05)
        running.cancel()
    assert not hosts_of_aligners()


def hosts_of_aligners() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "aligner" in " ".join(child.cmdline())]


@asynccontextmanager
async def untold(voice_uri: str, directory: Path) -> AsyncIterator[str]:
    """The voice of ours, as a server that knows nothing of word times."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with Connection(voice_uri) as voice:
            while (request := await async_read_event(reader)) is not None:
                await voice.write(Sent(request), within=5)
                answers = {"describe": "info", "ping": "pong", "synthesize": "audio-stop"}
                while True:
                    event = await voice.read(20)
                    event.data.pop("words", None)
                    await async_write_event(event, writer)
                    if event.type == answers[request.type]:
                        break

    async with server(directory, forward) as uri:
        yield uri


@dataclasses.dataclass
class Sent:
    sent: Event

    def event(self) -> Event:
        return self.sent

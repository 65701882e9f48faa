import dataclasses
import os
import signal
import tempfile
import wave
from pathlib import Path

import numpy as np
import psutil
import pytest

from hullo.speech.errors import SpeechError
from hullo.speech.events import HostEvent, QueueEvent
from hullo.speech.service import SpeechService, synthesise
from hullo.speech.settings import SpeechSettings
from tests.speech.support import eventually

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

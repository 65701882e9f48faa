"""Five minutes of speech from a real sound server's microphone: memory, length, and what the tools of others say."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench.material import speech
from hullo.media.pcm import SAMPLE_RATE
from tests.peers.pulse import PulseAudio, pulseaudio
from tests.peers.test_message_microphone import check, recorder, stopped
from tests.service.socket_client import short_directory

pytestmark = [pytest.mark.soak, pytest.mark.timeout(500)]

SECONDS = 295.0
"""Just below the limit of a message."""


@pytest.fixture
async def pulse(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PulseAudio]:
    with short_directory() as directory:
        async with pulseaudio(directory) as server:
            monkeypatch.setenv("PULSE_SERVER", server.address)
            monkeypatch.setenv("XDG_STATE_HOME", str(directory / "state"))
            yield server


async def test_five_minutes_cost_no_memory(pulse: PulseAudio, tmp_path: Path) -> None:
    await pulse.add_microphone("mic")
    said = np.resize(speech(), round(SECONDS * SAMPLE_RATE))
    most: list[int] = []
    async with recorder(tmp_path) as process:
        await asyncio.sleep(2.0)
        watched = psutil.Process(process.pid)
        before = watched.memory_info().rss
        playing = asyncio.create_task(pulse.say("mic", said))
        while not playing.done():
            most.append(watched.memory_info().rss)
            await asyncio.wait([playing], timeout=1.0)
        await playing
        message, _ = await stopped(process)
    assert max(most) - before <= 5_000_000
    assert message["metadata"]["duration"] > SECONDS
    check(message["path"])

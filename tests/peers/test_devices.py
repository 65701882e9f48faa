"""Microphones and speakers of a real sound server: heard, pulled out, plugged in, crashed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from hullo.audio.devices.device import DeviceError, DeviceKind
from hullo.audio.devices.devices import Devices
from hullo.audio.handset import Handset
from hullo.media.pcm import FRAME_SECONDS, Pcm
from tests.peers.pulse import PulseAudio, pulseaudio
from tests.rtc.tones import Tone, purity
from tests.service.socket_client import short_directory

pytestmark = pytest.mark.peer

BACK_SECONDS = 1.0
"""From the moment that a device is there (again) to its sound."""


@pytest.fixture
async def pulse(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PulseAudio]:
    with short_directory() as directory:
        async with pulseaudio(directory) as server:
            monkeypatch.setenv("PULSE_SERVER", server.address)
            yield server


async def plugged(pulse: PulseAudio, *names: str) -> dict[str, int]:
    """Microphones `mic...` and speakers `spk...`; the first of each is the default."""
    numbers = {}
    for name in names:
        is_microphone = name.startswith("mic")
        numbers[name] = await (pulse.add_microphone(name) if is_microphone else pulse.add_speaker(name))
    await pulse.control("set-default-source", next(name for name in names if name.startswith("mic")))
    await pulse.control("set-default-sink", next(name for name in names if name.startswith("spk")))
    return numbers


@contextlib.asynccontextmanager
async def ticking(handset: Handset, hertz: float) -> AsyncIterator[list[tuple[float, Pcm | None]]]:
    """A call whose peer is a tone; what the call hears of us, and when."""
    heard: list[tuple[float, Pcm | None]] = []
    tone = Tone(round(hertz))

    async def tick() -> None:
        due = time.monotonic()
        while True:
            now = time.monotonic()
            heard.append((now, handset.mouth(now)))
            handset.ear(tone(now), now)
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    task = asyncio.create_task(tick())
    try:
        yield heard
    finally:
        task.cancel()


def long_tone(hertz: float, seconds: float) -> Pcm:
    tone = Tone(round(hertz))
    return np.concatenate([tone(0.0) for _ in range(round(seconds / FRAME_SECONDS))])


async def heard_since(heard: list[tuple[float, Pcm | None]], after: float, hertz: float) -> float:
    """Wait until the call hears the tone; when it began."""
    async with asyncio.timeout(30):
        while True:
            recent = [(at, pcm) for at, pcm in heard if at >= after]
            for start in range(len(recent) - 10):
                run = [pcm for _, pcm in recent[start : start + 10]]
                if all(pcm is not None and pcm.any() for pcm in run):
                    sound = np.concatenate([pcm for pcm in run if pcm is not None])
                    if purity(sound, hertz) > 0.9:
                        return recent[start][0]
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("backend", ["miniaudio", "sounddevice"])
async def test_what_is_said_into_the_microphone_is_heard_and_the_peer_comes_out_of_the_speaker(
    pulse: PulseAudio, backend: str
) -> None:
    await plugged(pulse, "mic", "spk")
    async with Devices(backend) as devices, Handset(devices) as handset, ticking(handset, 1000) as heard:
        async with pulse.recording("spk") as recording:
            saying = asyncio.create_task(pulse.say("mic", long_tone(600, 15.0)))
            await heard_since(heard, 0.0, 600)
            async with asyncio.timeout(30):
                while purity(recording.since(0.0)[-14_400:], 1000) < 0.99:
                    await asyncio.sleep(0.1)
            saying.cancel()
        status = handset.status()
        assert (status.microphone.stalls, status.speaker.stalls) == (0, 0)


async def test_a_microphone_that_is_pulled_out_and_put_back_is_heard_again_within_a_second(pulse: PulseAudio) -> None:
    numbers = await plugged(pulse, "mic", "mic_other", "spk")
    changes: list[str] = []
    async with Devices() as devices:
        devices.on_change = lambda changed: changes.append(changed.detail)
        await devices.choose(DeviceKind.MICROPHONE, "mic_other")
        async with Handset(devices) as handset, ticking(handset, 1000) as heard:
            saying = [asyncio.create_task(pulse.say(*one)) for one in _two_tones()]
            await heard_since(heard, 0.0, 600)
            await pulse.remove(numbers["mic_other"])
            gone = time.monotonic()
            assert await heard_since(heard, gone, 800) - gone < BACK_SECONDS
            assert handset.microphone.device is not None
            assert handset.microphone.device.id == "pulseaudio:mic"
            await pulse.add_microphone("mic_other")
            back = time.monotonic()
            assert await heard_since(heard, back, 600) - back < BACK_SECONDS
            assert handset.status().microphone.moves == 2
            for task in saying:
                task.cancel()
    assert any("mic_other is gone" in change and "microphone: mic" in change for change in changes), changes
    assert any("mic_other is there" in change for change in changes), changes


def _two_tones() -> list[tuple[str, Pcm]]:
    return [("mic", long_tone(800, 15.0)), ("mic_other", long_tone(600, 15.0))]


async def test_a_speaker_that_is_pulled_out_and_put_back_plays_again_within_a_second(pulse: PulseAudio) -> None:
    numbers = await plugged(pulse, "mic", "spk", "spk_other")
    async with Devices() as devices:
        await devices.choose(DeviceKind.SPEAKER, "spk_other")
        async with Handset(devices) as handset, ticking(handset, 1000), pulse.recording("spk") as other:
            await pulse.remove(numbers["spk_other"])
            gone = time.monotonic()
            assert await other.loud(gone) - gone < BACK_SECONDS
            await pulse.add_speaker("spk_other")
            back = time.monotonic()
            async with pulse.recording("spk_other") as recording:
                assert await recording.loud(back) - back < BACK_SECONDS
            assert handset.status().speaker.moves == 2


async def test_a_sound_server_that_crashes_is_waited_for(pulse: PulseAudio) -> None:
    await plugged(pulse, "mic", "spk")
    async with Devices() as devices, Handset(devices) as handset, ticking(handset, 1000) as heard:
        await pulse.kill()
        async with asyncio.timeout(30):
            while "no sound here" not in (handset.status().microphone.detail or ""):
                await asyncio.sleep(0.02)
        assert handset.microphone.device is handset.speaker.device is None
        await pulse.start()
        await plugged(pulse, "mic", "spk")
        back = time.monotonic()
        saying = asyncio.create_task(pulse.say("mic", long_tone(600, 10.0)))
        assert await heard_since(heard, back, 600) - back < BACK_SECONDS + 0.5  # the player starts, too
        async with pulse.recording("spk") as recording:
            await recording.loud(back)
        saying.cancel()


async def test_without_a_sound_server_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere/pulse")
    async with Devices() as devices:
        with pytest.raises(DeviceError, match="there is no sound here: PulseAudio or PipeWire does not answer"):
            async with Handset(devices):
                pass


async def test_without_a_microphone_the_peer_is_heard_all_the_same(pulse: PulseAudio) -> None:
    await pulse.add_speaker("spk")
    async with Devices() as devices, Handset(devices) as handset, ticking(handset, 1000) as heard:
        async with pulse.recording("spk") as recording:
            await recording.loud(0.0)
        assert heard[-1][1] is None
        assert handset.status().microphone.detail == "there is no microphone"

"""What the doctor says of microphones and speakers that work, that don't, and that are not there."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from hullo.audio.devices.devices import Devices
from hullo.audio.devices.trial import Trial, try_speaker
from hullo.cli.doctor_sound import examine_sound
from hullo.cli.finding import Finding, Verdict
from tests.cli.test_commands import run
from tests.peers.pulse import PulseAudio, pulseaudio
from tests.rtc.tones import Tone
from tests.service.socket_client import short_directory


@pytest.fixture(autouse=True)
def _nobody_elses_choices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.fixture
async def pulse(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PulseAudio]:
    with short_directory() as directory:
        async with pulseaudio(directory) as server:
            monkeypatch.setenv("PULSE_SERVER", server.address)
            yield server


@asynccontextmanager
async def saying(pulse: PulseAudio) -> AsyncIterator[None]:
    """Somebody hums into the microphone `mic`."""
    tone = Tone(600)
    sound = np.concatenate([tone(0.0) for _ in range(1500)])
    task = asyncio.create_task(pulse.say("mic", sound))
    try:
        yield
    finally:
        task.cancel()


async def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in await asyncio.to_thread(lambda: [*examine_sound()])}


async def test_a_microphone_that_only_gives_silence_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULLO__AUDIO__BACKEND", "null")
    found = await findings()
    assert found["microphone"].verdict is Verdict.OPTIONAL
    assert "NULL Capture Device gives silence, without even noise: is it muted?" in found["microphone"].found
    assert "hullo devices choose microphone" in found["microphone"].remedy
    assert found["speaker"].verdict is Verdict.OK
    assert "NULL Playback Device takes sound" in found["speaker"].found


@pytest.mark.parametrize(
    ("slow_looks", "verdict", "words"),
    [(1, Verdict.OK, "takes sound"), (9, Verdict.OPTIONAL, "runs at 75% of its speed")],
    ids=["for a moment", "always"],
)
async def test_a_device_that_is_slow_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, slow_looks: int, verdict: Verdict, words: str
) -> None:
    looks = 0

    async def look(devices: Devices) -> Trial:
        nonlocal looks
        looks += 1
        trial = await try_speaker(devices)
        return msgspec.structs.replace(trial, speed=0.75) if looks <= slow_looks else trial

    monkeypatch.setenv("HULLO__AUDIO__BACKEND", "null")
    monkeypatch.setattr("hullo.cli.doctor_sound.try_speaker", look)
    found = await findings()
    assert (found["speaker"].verdict, looks) == (verdict, min(slow_looks + 1, 3))
    assert words in found["speaker"].found


async def test_what_is_switched_off_or_not_there_is_one_finding_that_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere/pulse")
    [nothing] = (await findings()).values()
    assert (nothing.name, nothing.verdict) == ("microphone and speaker", Verdict.OPTIONAL)
    assert "there is no sound here" in nothing.found
    monkeypatch.setenv("HULLO__AUDIO__ENABLED", "false")
    [switched_off] = (await findings()).values()
    assert switched_off.found == "[audio] enabled = false"


@pytest.mark.peer
async def test_a_microphone_is_listened_to_and_what_is_muted_or_not_there_is_told(
    pulse: PulseAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pulse.add_card()
    monkeypatch.setenv("HULLO__AUDIO__SPEAKER", "Headset")
    async with saying(pulse):
        heard = await findings()
        while "silence" in heard["microphone"].found:  # the player has not begun
            heard = await findings()
        await pulse.control("set-source-mute", "mic", "1")
        muted = await findings()
    assert heard["microphone"].found.startswith("mic gives sound, -")
    assert heard["microphone"].verdict is Verdict.OK
    assert "takes sound" in heard["speaker"].found
    assert "'Headset', which was chosen, is not there" in heard["speaker"].found
    assert "mic gives silence" in muted["microphone"].found
    assert muted["microphone"].verdict is Verdict.OPTIONAL


@pytest.mark.peer
async def test_without_a_microphone_the_speaker_is_looked_at_all_the_same(pulse: PulseAudio) -> None:
    await pulse.add_speaker("spk")
    found = await findings()
    assert (found["microphone"].verdict, found["microphone"].found) == (Verdict.OPTIONAL, "there is none")
    assert found["speaker"].verdict is Verdict.OK


@pytest.mark.peer
async def test_devices_that_open_and_do_nothing_are_broken(pulse: PulseAudio) -> None:
    await pulse.add_card()
    await pulse.control("suspend-sink", "card", "1")
    found = await findings()
    assert {one.verdict for one in found.values()} == {Verdict.BROKEN}
    assert "mic was opened and gives no sound" in found["microphone"].found
    assert "was opened and takes no sound" in found["speaker"].found


@pytest.mark.peer
async def test_a_sound_server_that_hangs_does_not_hold_the_doctor(pulse: PulseAudio) -> None:
    await pulse.add_card()
    with pulse.stopped():
        result = await asyncio.to_thread(run, "doctor", "--json")
    [found] = [one for one in json.loads(result.stdout) if one["name"] == "microphone and speaker"]
    assert result.returncode == 1
    assert (found["verdict"], "has not answered for 5 s" in found["found"]) == ("broken", True)
    assert "systemctl --user restart" in found["remedy"]

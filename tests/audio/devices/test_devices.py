"""Which device is wanted, what is remembered, and a sound system that never answers."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from hullo.audio.devices.device import Device, DeviceError, DeviceKind, Listing, NoAudio, SoundSystemStuck
from hullo.audio.devices.devices import Devices
from hullo.audio.devices.memory import Choice, Choices, keep_choices, load_choices
from hullo.audio.devices.sides import Microphone, SideState, Speaker
from hullo.audio.devices.sound_thread import SoundThread
from hullo.audio.handset import Handset
from hullo.audio.tone import tone_frames
from hullo.media.pcm import FRAME_SAMPLES, SILENCE, Pcm

MICROPHONE = DeviceKind.MICROPHONE


def microphone(name: str, *, default: bool = False) -> Device:
    return Device(id=f"test:{name.lower()}", name=name, kind=MICROPHONE, default=default)


BUILT_IN, HEADSET, CAMERA = microphone("Built-in", default=True), microphone("Headset"), microphone("Camera mic")
LISTING = Listing(microphones=(BUILT_IN, HEADSET, CAMERA))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("test:headset", HEADSET), ("Headset", HEADSET), ("camera", CAMERA), ("BUILT-IN", BUILT_IN)],
)
def test_a_device_is_found_by_its_id_its_name_or_a_part_of_it(wanted: str, found: Device) -> None:
    assert LISTING.find(MICROPHONE, wanted) == found


def test_a_name_that_could_mean_two_is_refused_and_one_that_means_none_shows_what_there_is() -> None:
    with pytest.raises(DeviceError, match="more than one microphone is called 't'"):
        LISTING.find(MICROPHONE, "t")
    with pytest.raises(DeviceError, match="no microphone is called 'x'; there is 'Built-in', 'Headset', 'Camera mic'"):
        LISTING.find(MICROPHONE, "x")
    with pytest.raises(DeviceError, match="there is no speaker"):
        LISTING.find(DeviceKind.SPEAKER, "x")


async def test_the_chosen_one_comes_before_the_configured_and_that_before_the_default() -> None:
    devices = Devices("null", fallback=Choices(microphone=Choice(name="Camera mic")))
    devices.listing = LISTING
    assert devices.wanted(MICROPHONE) == CAMERA
    devices.choices = Choices(microphone=Choice(device="test:headset", name="Headset"))
    assert devices.wanted(MICROPHONE) == HEADSET
    devices.listing = Listing(microphones=(BUILT_IN,))
    assert devices.wanted(MICROPHONE) == BUILT_IN
    devices.listing = Listing(microphones=(microphone("Other"), microphone("Headset 2")))
    assert devices.wanted(MICROPHONE) == microphone("Headset 2"), "the same name in another socket is the same device"
    devices.listing = Listing()
    assert devices.wanted(MICROPHONE) is None


def test_choices_are_kept_and_a_file_that_is_no_choice_is_started_anew(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "audio.json"
    assert load_choices(path) is None
    choices = Choices(speaker=Choice(device="test:spk", name="Speaker", volume=0.5))
    keep_choices(path, choices)
    assert load_choices(path) == choices
    assert [file.name for file in path.parent.iterdir()] == ["audio.json"]
    path.write_text(json.dumps({"speaker": {"volume": 1e9}}))
    assert load_choices(path) is None


async def test_a_sound_system_that_does_not_answer_is_given_up_and_asked_again() -> None:
    thread = SoundThread(answer_seconds=0.1)
    answers = threading.Event()
    with pytest.raises(SoundSystemStuck, match=r"has not answered for 0\.1 s"):
        await thread.run(answers.wait)
    assert await thread.run(lambda: "here I am") == "here I am"
    answers.set()
    thread.stop()


async def test_what_goes_wrong_in_the_thread_is_raised_where_it_was_asked() -> None:
    thread = SoundThread()

    def fail() -> None:
        raise NoAudio("no sound")

    with pytest.raises(NoAudio, match="no sound"):
        await thread.run(fail)
    thread.stop()


async def test_a_microphone_gives_frames_at_the_pace_of_the_clock_and_a_speaker_takes_them() -> None:
    async with Devices("null") as devices, Microphone(devices) as microphone, Speaker(devices) as speaker:
        async with asyncio.timeout(30):
            frames = []
            async for frame in microphone.frames():
                frames.append(frame)
                if len(frames) == 25:
                    break
            await speaker.play(tone_frames(0.2))
    assert all(len(frame) == FRAME_SAMPLES for frame in frames)
    assert speaker.status().device is None


async def test_whoever_gives_up_while_a_microphone_is_opened_leaves_none_open() -> None:
    async with asyncio.timeout(10), Devices("null") as devices:
        await devices.refresh()
        microphone = Microphone(devices)
        opening = asyncio.create_task(microphone.__aenter__())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await devices.refresh()
        assert (microphone.device, microphone.status().state) == (None, SideState.CLOSED)


class Recorder:
    """A `Processing` that keeps what it is told, and hands on half of what the microphone hears."""

    def __init__(self) -> None:
        self.rendered: list[Pcm] = []
        self.captured = 0
        self.delays: list[float] = []

    def render(self, pcm: Pcm) -> None:
        self.rendered.append(pcm)

    def capture(self, pcm: Pcm) -> Pcm:
        self.captured += 1
        return pcm // 2

    def set_delay(self, seconds: float) -> None:
        self.delays.append(seconds)


async def test_processing_hears_what_the_speaker_plays_after_its_volume_and_runs_in_step() -> None:
    processing = Recorder()
    loud = SILENCE + 1000
    async with Devices("null") as devices, Handset(devices, processing) as handset:
        devices.set_volume(DeviceKind.SPEAKER, 0.5)
        handset.ear(loud, 0.0)
        handset.mouth(0.0)
        handset.mouth(0.02)
    assert [int(pcm[0]) for pcm in processing.rendered] == [500, 0]
    assert processing.captured == 2
    assert processing.delays == [pytest.approx(4 * devices.period)]


async def test_while_the_key_is_up_the_microphone_is_processed_and_nothing_is_sent() -> None:
    processing = Recorder()
    async with Devices("null") as devices, Handset(devices, processing) as handset:
        handset.push_to_talk = True
        assert handset.mouth(0.0) is None
        handset.pressed = True
        assert handset.mouth(0.02) is not None
    assert processing.captured == 2

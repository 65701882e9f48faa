import asyncio
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from hullo.audio.recording import StereoRecording
from hullo.audio.stereofile import WavFile
from hullo.media.pcm import FRAME_SAMPLES, Pcm


def frame(value: int) -> Pcm:
    return np.full(FRAME_SAMPLES, value, np.int16)


def read(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 48_000)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)


async def test_ours_is_left_and_theirs_is_right(tmp_path: Path) -> None:
    recording = StereoRecording(tmp_path / "call.wav")
    for number in range(60):
        recording.theirs(frame(100 + number), number * 0.02)
        recording.ours(frame(-number) if number % 2 else None, number * 0.02)
    await recording.close()
    assert recording.path.stat().st_mode & 0o777 == 0o600
    samples = read(recording.path)
    assert len(samples) == 60 * FRAME_SAMPLES
    assert samples[::FRAME_SAMPLES, 1].tolist() == list(range(100, 160))
    assert samples[::FRAME_SAMPLES, 0].tolist() == [-n if n % 2 else 0 for n in range(60)]


async def test_ticks_that_never_came_are_silence_and_time_is_kept(tmp_path: Path) -> None:
    recording = StereoRecording(tmp_path / "call.wav")
    for number in (0, 1, 7, 7, 7, 8, 13, 13, 13, 14):  # the clock makes up for two ticks after a stall
        recording.theirs(frame(9), 50.0 + number * 0.02)
        recording.ours(frame(9), 50.0 + number * 0.02)
    await recording.close()
    assert read(recording.path)[::FRAME_SAMPLES, 0].tolist() == [9, 9, 0, 0, 0, 9, 9, 9, 9, 0, 0, 9, 9, 9, 9]
    assert recording.began == pytest.approx(50.0)


async def test_a_late_first_tick_does_not_move_the_beginning(tmp_path: Path) -> None:
    recording = StereoRecording(tmp_path / "call.wav")
    for number, now in enumerate((7.03, 7.03, 7.04, 7.06, 7.08)):
        recording.theirs(frame(number + 1), now)
        recording.ours(None, now)
    await recording.close()
    assert recording.began == pytest.approx(7.0)
    assert read(recording.path)[::FRAME_SAMPLES, 1].tolist() == [1, 2, 3, 4, 5]


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        StereoRecording(tmp_path / "missing" / "call.wav")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
async def test_a_full_disk_is_told_when_the_recording_is_closed() -> None:
    recording = StereoRecording(Path("/dev/full"))
    feed(recording, 200)
    with pytest.raises(OSError, match="No space left"):
        await recording.close()


async def test_a_wav_file_that_is_full_stays_a_wav_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.audio.stereofile._WAV_BYTES", 30 * FRAME_SAMPLES * 4)
    recording = StereoRecording(tmp_path / "call.wav")
    feed(recording, 60)
    with pytest.raises(OSError, match=r"name it \.opus"):
        await recording.close()
    assert len(read(recording.path)) == 25 * FRAME_SAMPLES


async def test_whatever_ends_the_writing_is_told_and_closing_does_not_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: WavFile, samples: Pcm) -> None:
        raise ValueError("an encoder's own mistake")

    monkeypatch.setattr(WavFile, "write", broken)
    recording = StereoRecording(tmp_path / "call.wav")
    feed(recording, 25 * 60)  # more than the queue holds
    async with asyncio.timeout(10):
        with pytest.raises(OSError, match="an encoder's own mistake"):
            await recording.close()


@pytest.mark.parametrize("name", ["call.wav", "call.opus"])
async def test_a_file_that_others_could_read_is_ours_alone_from_now_on(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x" * 100_000)
    path.chmod(0o644)
    recording = StereoRecording(path)
    assert path.stat().st_mode & 0o777 == 0o600
    await recording.close()
    assert path.stat().st_size < 1000


async def test_two_recordings_do_not_write_one_file(tmp_path: Path) -> None:
    recording = StereoRecording(tmp_path / "call.wav")
    feed(recording, 25)
    with pytest.raises(OSError, match="is being written already"):
        StereoRecording(recording.path)
    await recording.close()
    assert len(read(recording.path)) == 25 * FRAME_SAMPLES


def feed(recording: StereoRecording, frames: int) -> None:
    for number in range(frames):
        recording.theirs(frame(1), number * 0.02)
        recording.ours(frame(1), number * 0.02)


KILLED = """
import asyncio, pathlib, sys, time
import numpy as np
from hullo.audio.recording import StereoRecording

async def main():
    recording = StereoRecording(pathlib.Path(sys.argv[1]))
    for number in range(150):
        recording.theirs(np.full(960, 1, np.int16), number * 0.02)
        recording.ours(np.full(960, 2, np.int16), number * 0.02)
    while recording.written_ms < 3000:
        await asyncio.sleep(0.01)
    print("written", flush=True)
    time.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["wav", "opus"])
def test_a_killed_process_leaves_a_playable_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"call.{kind}"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    samples = read(path) if kind == "wav" else decoded(path)
    assert len(samples) == pytest.approx(150 * FRAME_SAMPLES, abs=0 if kind == "wav" else 15 * FRAME_SAMPLES)


def decoded(path: Path) -> NDArray[np.int16]:
    with av.open(str(path)) as file:
        assert file.streams.audio[0].codec_context.name == "opus"
        return np.concatenate([frame.to_ndarray()[0] for frame in resampled(file)]).reshape(-1, 2)


def resampled(file: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=48_000)
    for frame in file.decode(audio=0):
        yield from resampler.resample(frame)


async def test_ogg_opus_keeps_sides_and_time(tmp_path: Path) -> None:
    recording = StereoRecording(tmp_path / "call.opus")
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(FRAME_SAMPLES) / 48_000)).astype(np.int16)
    for number in range(100):
        recording.theirs(tone if number >= 50 else frame(0), number * 0.02)
        recording.ours(tone if number < 50 else None, number * 0.02)
    await recording.close()
    assert recording.path.stat().st_mode & 0o777 == 0o600
    samples = decoded(recording.path)
    assert len(samples) == pytest.approx(96_000, abs=960)
    loud = np.std(samples.astype(float)[:95_040].reshape(99, 960, 2), axis=1) > 1000
    assert loud[5:45].tolist() == [[True, False]] * 40
    assert loud[55:95].tolist() == [[False, True]] * 40


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.wav or \.opus file, and not call\.mp3"):
        StereoRecording(tmp_path / "call.mp3")
    assert list(tmp_path.iterdir()) == []

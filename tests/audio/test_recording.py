import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hullo.audio.recording import StereoRecording
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
    for number in range(200):
        recording.theirs(frame(1), number * 0.02)
        recording.ours(frame(1), number * 0.02)
    with pytest.raises(OSError, match="No space left"):
        await recording.close()


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


def test_a_killed_process_leaves_a_playable_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert len(read(path)) == 150 * FRAME_SAMPLES

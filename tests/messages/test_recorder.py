import os
import random
import shlex
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from hullo.media.pcm import FRAME_SAMPLES, LOWEST_DBFS, SAMPLE_RATE, Ear
from hullo.messages.encoder import KEPT_AFTER, KEPT_BEFORE
from hullo.messages.errors import RecordingFailed
from hullo.messages.metadata import load, sidecar
from hullo.messages.recorder import (
    LimitNear,
    LimitReached,
    RecorderEvent,
    RecorderState,
    RecordingBroke,
    VoiceMessageRecorder,
)
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.sound import OggOpusSound
from hullo.messages.store import recover
from tests.messages.sounds import quiet, record, sound_in, sweep, time_of

DEADLINE = 30.0


def test_a_message_is_as_long_as_what_was_said_and_described(tmp_path: Path) -> None:
    path = tmp_path / "note.ogg"
    recorder = VoiceMessageRecorder(path, now=datetime(2026, 1, 2, tzinfo=UTC))
    said = sweep(2.3456)
    for begin in range(0, len(said), 700):
        recorder.write(said[begin : begin + 700])
    assert recorder.elapsed == len(said) / SAMPLE_RATE
    assert recorder.level == pytest.approx(-14.2, abs=0.5)
    metadata = recorder.stop()
    assert metadata.duration == len(said) / SAMPLE_RATE
    assert metadata.created == datetime(2026, 1, 2, tzinfo=UTC)
    assert metadata.size == path.stat().st_size
    assert min(metadata.levels) > 10
    assert load(path) == metadata
    assert path.stat().st_mode & 0o777 == 0o600
    assert sidecar(path).stat().st_mode & 0o777 == 0o600
    heard = sound_in(path)
    assert len(heard) == len(said)
    assert time_of(heard[48_000:57_600]) == pytest.approx(1.1, abs=0.02)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["note.ogg", "note.ogg.json"]


@pytest.mark.parametrize("bitrate", [10_000, 16_000, 24_000])
def test_the_bitrate_is_kept(tmp_path: Path, bitrate: int) -> None:
    options = RecorderOptions(bitrate=bitrate)  # type: ignore[arg-type]
    noise = np.random.default_rng(1).normal(0, 3000, 10 * SAMPLE_RATE).astype(np.int16)
    metadata = record(tmp_path / "note.ogg", noise, options).stop()
    assert metadata.bitrate == bitrate
    assert metadata.size * 8 / metadata.duration == pytest.approx(bitrate, rel=0.2)


def test_the_limit_is_announced_and_kept(tmp_path: Path) -> None:
    events: list[RecorderEvent] = []
    options = RecorderOptions(max_seconds=1.0, warn_before=0.25)
    recorder = VoiceMessageRecorder(tmp_path / "note.ogg", options, on_event=events.append)
    for _ in range(60):
        recorder.hear(sweep(0.02), 0.0)
    assert [type(event) for event in events] == [LimitNear, LimitReached]
    assert events == [LimitNear(0.24), LimitReached(1.0)]
    assert recorder.state is RecorderState.FULL
    assert recorder.stop().duration == 1.0


def test_more_than_can_be_written_in_time_becomes_silence_of_the_same_length(tmp_path: Path) -> None:
    recorder = VoiceMessageRecorder(tmp_path / "note.ogg")
    frames = sweep(30.0).reshape(-1, FRAME_SAMPLES)
    ear: Ear = recorder.hear
    for frame in frames:
        ear(frame, 0.0)
    assert recorder.dropped_ms > 0  # 30 s at once; an encoder is not that fast
    assert recorder.dropped_ms % 20 == 0
    assert recorder.stop().duration == 30.0


def test_nothing_is_taken_during_a_pause_and_what_came_before_is_written(tmp_path: Path) -> None:
    path = tmp_path / "note.ogg"
    recorder = record(path, sweep(0.3))
    recorder.pause()
    recorder.write(quiet(5.0))
    deadline = time.monotonic() + DEADLINE
    while path.stat().st_size < 600 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert path.stat().st_size > 600
    assert recorder.state is RecorderState.PAUSED
    recorder.resume()
    recorder.write(sweep(1.0)[14_400:])
    assert recorder.stop().duration == pytest.approx(1.0)
    assert time_of(sound_in(path)[28_800:43_200]) == pytest.approx(0.75, abs=0.03)


def test_a_discarded_message_leaves_nothing_behind(tmp_path: Path) -> None:
    record(tmp_path / "note.ogg", sweep(0.7)).discard()
    assert list(tmp_path.iterdir()) == []


def test_silence_is_left_out_at_both_ends_and_not_within(tmp_path: Path) -> None:
    path = tmp_path / "note.ogg"
    said = np.concatenate([quiet(2.0), sweep(1.0), quiet(1.5), sweep(1.0), quiet(4.0)])
    metadata = record(path, said, RecorderOptions(trim_silence=True)).stop()
    assert metadata.duration == pytest.approx((KEPT_BEFORE + KEPT_AFTER) / SAMPLE_RATE + 3.5, abs=0.021)
    heard = sound_in(path)
    assert len(heard) == round(metadata.duration * SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 4000)
    assert loud[0] == pytest.approx(KEPT_BEFORE, abs=FRAME_SAMPLES)
    assert len(heard) - loud[-1] == pytest.approx(KEPT_AFTER, abs=FRAME_SAMPLES)
    assert metadata.levels[0] == metadata.levels[50] == 0
    sound = OggOpusSound(path)
    assert sound.ended
    sound.close()


def test_nothing_but_silence_is_a_short_silence(tmp_path: Path) -> None:
    metadata = record(tmp_path / "note.ogg", quiet(3.0), RecorderOptions(trim_silence=True)).stop()
    assert metadata.duration == KEPT_BEFORE / SAMPLE_RATE


def test_nothing_at_all_is_an_empty_message(tmp_path: Path) -> None:
    recorder = VoiceMessageRecorder(tmp_path / "note.ogg")
    assert recorder.level == LOWEST_DBFS
    assert recorder.stop().duration == 0.0
    assert len(sound_in(tmp_path / "note.ogg")) == 0


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "note.ogg"
    path.write_text("precious")
    with pytest.raises(RecordingFailed, match="is there already"):
        VoiceMessageRecorder(path)
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingFailed, match="can't be made: no such file"):
        VoiceMessageRecorder(tmp_path / "missing" / "note.ogg")


FULL = """
import pathlib, resource, signal, sys, time
from hullo.messages.errors import RecordingFailed
from hullo.messages.recorder import VoiceMessageRecorder
from tests.messages.sounds import sweep
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
events = []
recorder = VoiceMessageRecorder(pathlib.Path(sys.argv[1]), on_event=events.append)
deadline = time.monotonic() + 30
while not events and time.monotonic() < deadline:
    recorder.write(sweep(0.1))
print(type(events[0]).__name__)
try:
    recorder.stop()
except RecordingFailed as error:
    print(error)
"""


def test_a_full_disk_is_one_clear_error_and_what_was_recorded_is_kept(tmp_path: Path) -> None:
    room = 12_000
    path = tmp_path / "note.ogg"
    command = [sys.executable, "-c", FULL, str(path), str(room)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE).stdout.splitlines()
    assert said[0] == RecordingBroke.__name__
    assert "could not be recorded to its end: file too large; the first" in said[1]
    assert path.stat().st_size <= room
    metadata = load(path)
    assert metadata is not None
    assert f"{metadata.duration:.1f} s of" in said[1]
    assert metadata.duration > (room - 3000) * 8 / 30_000
    heard = sound_in(path)
    assert len(heard) == round(metadata.duration * SAMPLE_RATE)


@pytest.mark.net
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    path = tmp_path / "note.ogg"
    unlimited = "2000000000"
    recording = [sys.executable, "-c", FULL, str(path), unlimited]
    command = f"mount -t tmpfs -o size=32k tmpfs {tmp_path} && {shlex.join(recording)} && ls {tmp_path}"
    ran = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, timeout=DEADLINE)
    said = ran.stdout.splitlines()
    assert said[0] == RecordingBroke.__name__, ran.stderr
    assert "no space left on device; the first" in said[1]
    assert "note.ogg" in said[2:]


def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    folder = tmp_path if os.getuid() else Path("/sys/kernel")  # where root can't write either
    with pytest.raises(
        RecordingFailed, match=r"can't be made: (permission denied|read-only file system|operation not)"
    ):
        VoiceMessageRecorder(folder / "note.ogg")


KILLED = """
import pathlib, sys, time
from hullo.messages.recorder import VoiceMessageRecorder
from tests.messages.sounds import sweep
said = sweep(20.0)
recorder = VoiceMessageRecorder(pathlib.Path(sys.argv[1]))
print("go", flush=True)
began = time.monotonic()
for number in range(1000):
    frame = said[number * 960 : (number + 1) * 960]
    recorder.hear(frame, 0.0)
    print(number, flush=True)
    time.sleep(max(0.0, began + (number + 1) * 0.02 - time.monotonic()))
"""


def kill_one(path: Path, after: float) -> None:
    """Kill a recorder, and see that no more than a second is lost and the rest is whole."""
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        time.sleep(after)
        process.kill()
        told = process.stdout.read().split()
    fed = (int(told[-1]) + 1) * 0.02 if told else 0.0
    before = sound_in(path) if fed > 1.0 else quiet(0)  # playable as it is
    metadata = recover(path).metadata
    kept = 0.0 if metadata is None else metadata.duration
    assert fed - 1.0 <= kept <= fed + 0.02
    if metadata is not None:
        heard = sound_in(path)
        assert len(heard) == max(round(kept * SAMPLE_RATE), len(before))
        if kept > 1.0:
            assert time_of(heard[-9600:]) == pytest.approx(kept - 0.1, abs=0.03)


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_recorder_loses_less_than_a_second(tmp_path: Path, seed: int) -> None:
    kill_one(tmp_path / "note.ogg", after=random.Random(seed).uniform(1.1, 1.7))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_recorders_killed_at_a_hundred_moments(tmp_path: Path) -> None:
    rng = random.Random(20)
    moments = [rng.uniform(0.0, 3.0) for _ in range(100)]
    paths = [tmp_path / f"{number}.ogg" for number in range(100)]
    with ThreadPoolExecutor(3) as pool:  # they sleep most of the time
        assert len([*pool.map(kill_one, paths, moments)]) == 100


def test_sound_does_not_stay_in_memory(tmp_path: Path) -> None:
    recorder = VoiceMessageRecorder(tmp_path / "note.ogg")
    said = sweep(1.0)
    tracemalloc.start()
    for _ in range(40):
        recorder.write(said.copy())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert recorder.stop().duration == 40.0
    assert peak < 2_700_000  # 20 s wait for the encoder at most; all of it would be 3.8 MB

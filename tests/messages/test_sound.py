import random
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest

from hullo.media.ogg import page_of
from hullo.media.oggopus import OggOpusWriter, OpusHead, OpusTags
from hullo.media.opus import OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, level_dbfs
from hullo.messages.errors import NotPlayable
from hullo.messages.sound import FileSound, OggOpusSound, open_sound
from tests.messages.sounds import quiet, read_all, record, sound_in, sweep, time_of

SECONDS = 20.0


@pytest.fixture(scope="module")
def note(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("note") / "note.ogg"
    record(path, sweep(SECONDS)).stop()
    return path


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wav") / "note.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(sweep(10.0).tobytes())
    return path


def test_the_position_after_a_jump_is_exact(note: Path) -> None:
    whole = sound_in(note).astype(float)
    sound = OggOpusSound(note)
    assert sound.length == SECONDS * SAMPLE_RATE
    rng = random.Random(4)
    for _ in range(30):
        position = rng.randrange(sound.length - 9600)
        sound.seek(position)
        assert sound.position == position
        pcm = np.zeros(0)
        while len(pcm) < 9600:
            piece = sound.read()
            assert piece is not None
            pcm = np.concatenate([pcm, piece])
        assert sound.position == position + len(pcm)
        expected = whole[position : position + len(pcm)]
        assert np.corrcoef(pcm, expected)[0, 1] > 0.93
    sound.close()


@pytest.mark.parametrize(("position", "left"), [(-5, SECONDS), (0, SECONDS), (SECONDS - 0.01, 0.01), (SECONDS + 9, 0)])
def test_jumps_to_the_ends_and_beyond(note: Path, position: float, left: float) -> None:
    sound = OggOpusSound(note)
    sound.seek(round(position * SAMPLE_RATE))
    assert len(read_all(sound)) == round(left * SAMPLE_RATE)
    sound.seek(0)
    assert len(read_all(sound)) == SECONDS * SAMPLE_RATE
    sound.close()


def test_a_wav_file_is_read_from_any_position(wav: Path) -> None:
    sound = open_sound(wav)
    assert isinstance(sound, FileSound)
    assert sound.length == 10 * SAMPLE_RATE
    for position in (123_456, 400_000, 0):
        sound.seek(position)
        pcm = read_all(sound)
        assert len(pcm) == 10 * SAMPLE_RATE - position
        assert time_of(pcm[:9600]) == pytest.approx(position / SAMPLE_RATE + 0.1, abs=0.02)
    sound.close()


def test_a_hole_is_as_long_as_what_is_missing(note: Path, tmp_path: Path) -> None:
    data = bytearray(note.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 50] = random.Random(2).randbytes(50)
    path = tmp_path / "damaged.ogg"
    path.write_bytes(data)
    heard = sound_in(path)
    assert len(heard) == SECONDS * SAMPLE_RATE
    quiet_frames = [level_dbfs(frame) < -50 for frame in heard.reshape(-1, FRAME_SAMPLES)]
    assert 10 <= sum(quiet_frames) <= 55
    assert time_of(heard[-9600:]) == pytest.approx(SECONDS - 0.1, abs=0.02)


def test_the_gain_of_the_header_is_applied_and_stereo_mixed_down(tmp_path: Path) -> None:
    encoder = OpusEncoder()
    writer = OggOpusWriter(OpusHead(pre_skip=encoder.lookahead, gain=-12.0), OpusTags("x"), serial=1)
    pages = [writer.begin(), *(writer.add(encoder.encode(f)) for f in sweep(1.0).reshape(-1, 960)), writer.end(40_000)]
    path = tmp_path / "soft.ogg"
    path.write_bytes(b"".join(pages))
    assert level_dbfs(sound_in(path)[9600:]) == pytest.approx(level_dbfs(sweep(1.0)) - 12, abs=0.5)


def long_file(path: Path, hours: int) -> None:
    """A tone of 500 Hz for the first half, one of 1500 Hz for the second, a page each second."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    kinds = []
    for pitch in (500, 1500):
        encoder = OpusEncoder(bitrate=6000, frame_ms=60, fec=False)
        pcm = np.concatenate([(6000 * np.sin(2 * np.pi * pitch * time)).astype(np.int16), quiet(0.2)])
        kinds.append([encoder.encode(pcm[at : at + 2880]) for at in range(0, 50 * 960, 2880)])
    samples = len(kinds[0]) * 2880
    seconds = hours * 3600 * SAMPLE_RATE // samples
    with path.open("wb") as file:
        file.write(OggOpusWriter(OpusHead(pre_skip=312), OpusTags("x"), serial=1).begin())
        for n in range(seconds):
            kind = kinds[2 * n // seconds]
            last = n == seconds - 1
            file.write(page_of(kind, serial=1, sequence=n + 2, granule=(n + 1) * samples, last=last).encode())


def test_ten_hours_are_opened_and_jumped_about_in_a_few_kilobytes(tmp_path: Path) -> None:
    path = tmp_path / "long.ogg"
    long_file(path, hours=10)
    tracemalloc.start()
    sound = OggOpusSound(path)
    assert sound.length == pytest.approx(36_000 * SAMPLE_RATE, rel=1e-4)
    for share, pitch in ((0.9, 1500), (0.1, 500), (0.501, 1500), (0.499, 500)):
        sound.seek(int(share * sound.length))
        pcm = np.concatenate([piece for _ in range(20) if (piece := sound.read()) is not None])
        assert np.argmax(np.abs(np.fft.rfft(pcm[:24_000]))) * 2 == pytest.approx(pitch, abs=30)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sound.close()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"milk, bread", "no sound that is known"),
        (b"OggS" + bytes(3000), "no Opus stream"),
        (OggOpusWriter(OpusHead(pre_skip=312), OpusTags("x"), serial=1).begin(), "no sound yet"),
        (page_of([b"OpusHead\x10" + bytes(20)], serial=1, sequence=0, granule=0, first=True).encode(), "newer"),
        (random.Random(1).randbytes(3_000_000), "no sound that is known"),
        (b"OggS" + random.Random(1).randbytes(3_000_000), "can't be played"),
    ],
)
def test_what_is_no_sound_is_one_clear_error(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "stranger.ogg"
    path.write_bytes(content)
    with pytest.raises(NotPlayable, match=says) as caught:
        open_sound(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotPlayable, match="no such file"):
        open_sound(tmp_path / "missing.ogg")
    with pytest.raises(NotPlayable, match="is a directory"):
        open_sound(tmp_path)

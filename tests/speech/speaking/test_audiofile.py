import asyncio
import os
import random
from contextlib import aclosing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from hullo.media.pcm import level_dbfs
from hullo.speech.errors import SpeechError
from hullo.speech.servers.client import whole
from hullo.speech.speaking.audiofile import check_playable, duration_of, stream_file
from tests.speech.support import tone


def write(path: Path, codec: str, rate: int, layout: str, seconds: float = 2.0) -> Path:
    channels = 2 if layout == "stereo" else 1
    samples = np.repeat(tone(seconds, rate=rate), channels).reshape(1, -1)
    frame = AudioFrame.from_ndarray(samples, format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 8_000, "mono"),
        ("a.wav", "pcm_s16le", 44_100, "stereo"),
        ("a.flac", "flac", 22_050, "mono"),
        ("a.ogg", "libopus", 48_000, "mono"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.m4a", "aac", 44_100, "mono"),
    ],
)
async def test_any_format_comes_out_as_48_khz_mono(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    sound = await whole(stream_file(write(tmp_path / name, codec, rate, layout)))
    assert sound.dtype == np.int16
    assert len(sound) / 48_000 == pytest.approx(2.0, abs=0.1)
    assert level_dbfs(sound[9600:-9600]) == pytest.approx(-20.0, abs=1.0)
    spectrum = np.abs(np.fft.rfft(sound[24_000:72_000]))
    assert np.argmax(spectrum) == pytest.approx(440, abs=3)


async def test_a_long_file_comes_in_small_pieces_and_can_be_left(tmp_path: Path) -> None:
    path = write(tmp_path / "long.wav", "pcm_s16le", 48_000, "mono", seconds=120)
    async with aclosing(stream_file(path)) as pieces:
        first = await anext(pieces)
    assert len(first) < 48_000
    assert open_files(path) == 0


async def test_cancelled_in_the_middle_of_decoding_it_closes_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "long.wav", "pcm_s16le", 48_000, "mono", seconds=60)

    async def play() -> None:
        async with aclosing(stream_file(path)) as pieces:
            async for _ in pieces:
                pass

    for turns in range(8):
        playing = asyncio.create_task(play())
        for _ in range(turns):
            await asyncio.sleep(0)
        playing.cancel()
        await asyncio.wait([playing])
    assert open_files(path) == 0


def open_files(path: Path) -> int:
    descriptors = Path("/proc/self/fd")
    return sum(os.path.realpath(link) == str(path) for link in descriptors.iterdir())


def make_bad_files(directory: Path) -> dict[str, Path]:
    wav = write(directory / "good.wav", "pcm_s16le", 16_000, "mono").read_bytes()
    contents = {
        "empty.wav": b"",
        "text.wav": b"this is not sound\n" * 100,
        "random.ogg": random.Random(1).randbytes(5000),
        "header.wav": wav[:44],
        "cut.wav": wav[:20],
    }
    for name, data in contents.items():
        (directory / name).write_bytes(data)
    return {name: directory / name for name in contents}


@pytest.mark.parametrize("name", ["empty.wav", "text.wav", "random.ogg", "header.wav", "cut.wav"])
async def test_what_is_no_sound_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = make_bad_files(tmp_path)[name]
    with pytest.raises(SpeechError, match=rf"{name} can't be read: \S+"):
        await check_playable(path)


async def test_a_picture_and_a_playlist_are_refused(tmp_path: Path) -> None:
    picture = tmp_path / "picture.mp4"
    with av.open(str(picture), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    for path in (picture, playlist):
        with pytest.raises(SpeechError, match="can't be read"):
            await check_playable(path)


async def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path / "missing.wav", tmp_path, fifo, Path("/dev/zero")):
        with pytest.raises(SpeechError, match="there is no such file"):
            await check_playable(path)


async def test_what_can_be_read_of_a_damaged_file_is_played(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ogg", "libopus", 48_000, "mono", seconds=5)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 50] = random.Random(2).randbytes(50)
    path.write_bytes(data)
    lengths = [len(piece) async for piece in stream_file(path)]
    assert sum(lengths) > 48_000


async def test_a_title_that_is_no_utf_8_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "titled.wav", "pcm_s16le", 8_000, "mono")
    title = b"INFOINAM" + (4).to_bytes(4, "little") + b"\xfcber"
    path.write_bytes(path.read_bytes() + b"LIST" + len(title).to_bytes(4, "little") + title)
    assert duration_of(path) == pytest.approx(2.0)
    assert len(await whole(stream_file(path))) == pytest.approx(96_000, abs=500)


async def test_sound_that_becomes_another_kind_is_a_clear_error(tmp_path: Path) -> None:
    kinds = [(48_000, "mono"), (22_050, "stereo")]
    parts = [write(tmp_path / f"{rate}.aac", "aac", rate, layout).read_bytes() for rate, layout in kinds]
    path = tmp_path / "both.aac"
    path.write_bytes(b"".join(parts))
    with pytest.raises(SpeechError, match="any further"):
        await whole(stream_file(path))

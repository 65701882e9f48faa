"""Ogg Opus of ours as ffprobe, ffmpeg and opusinfo see it."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hullo.media.oggopus import OggOpusReader
from hullo.media.pcm import SAMPLE_RATE
from tests.media.test_oggopus import stream

pytestmark = pytest.mark.peer

_DEADLINE = 60.0


def run(*command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=_DEADLINE)


def probe(path: Path) -> dict[str, object]:
    shown = run("ffprobe", "-v", "warning", "-show_streams", "-of", "json", str(path))
    assert (shown.returncode, shown.stderr) == (0, b"")
    [found] = json.loads(shown.stdout)["streams"]
    return dict(found)


@pytest.mark.parametrize("samples", [1, 960, 48_000, 123_456, 480_000])
def test_ffprobe_and_opusinfo_have_nothing_to_complain_about(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "message.ogg"
    path.write_bytes(stream(samples))
    found = probe(path)
    assert (found["codec_name"], found["channels"], found["sample_rate"]) == ("opus", 1, "48000")
    info = run("opusinfo", str(path))
    assert info.returncode == 0
    said = info.stdout + info.stderr
    assert b"WARNING" not in said.upper()
    assert b"ERROR" not in said.upper()
    assert b"Pre-skip: 312" in said
    assert b"title=a tone" in said.lower()


@pytest.mark.parametrize("samples", [960, 48_000, 123_456])
def test_ffmpeg_decodes_as_many_samples_as_were_encoded(samples: int) -> None:
    raw = run("ffmpeg", "-v", "error", "-i", "-", "-f", "s16le", "-", stdin=stream(samples))
    assert (raw.returncode, raw.stderr) == (0, b"")
    assert len(np.frombuffer(raw.stdout, np.int16)) == samples


@pytest.mark.parametrize("page_ms", [20, 1000])
def test_files_of_ffmpeg_and_opusenc_are_read(tmp_path: Path, page_ms: int) -> None:
    raw = tmp_path / "noise.wav"
    source = "anoisesrc=d=3.3:r=48000:a=0.1:seed=7"
    assert run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-c:a", "pcm_s16le", str(raw)).returncode == 0
    theirs = tmp_path / "ffmpeg.ogg"
    encode = ("ffmpeg", "-v", "error", "-i", str(raw), "-c:a", "libopus", "-page_duration", str(page_ms * 1000))
    assert run(*encode, str(theirs)).returncode == 0
    another = tmp_path / "opusenc.opus"
    command = ("opusenc", "--quiet", "--max-delay", str(page_ms), "--comment", "TITLE=noise", str(raw), str(another))
    assert run(*command).returncode == 0
    reader = OggOpusReader()
    for path in (theirs, another):
        reader = OggOpusReader()
        pages = [*reader.feed(path.read_bytes()), *reader.finish()]
        assert reader.ended
        assert reader.skipped == 0
        assert pages[-1].end == round(3.3 * SAMPLE_RATE)
        assert sum(page.missing for page in pages) == 0
    assert reader.tags is not None
    assert reader.tags.comments["TITLE"] == "noise"

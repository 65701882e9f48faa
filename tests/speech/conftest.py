"""One real recogniser host and one real voice host for the whole run, and servers that misbehave on demand."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hullo.speech.listening.vad import SileroModel
from hullo.speech.servers.client import FixedEndpoint, RecogniserClient, VoiceClient
from tests.speech.models.piper import make_piper
from tests.speech.models.whisper import make_whisper


def _host(role: str, directory: Path) -> Iterator[str]:
    socket = directory / "socket"
    command = [
        sys.executable,
        "-m",
        "hullo.speech.hosting.host",
        "--supervised",
        "--role",
        role,
        "--socket",
        str(socket),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield f"unix://{socket}"
        process.stdin.close()
        assert process.wait(10) == 0
    assert not directory.exists()


@pytest.fixture(scope="session")
def voice_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _host("voice", tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="session")
def recogniser_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _host("recogniser", tmp_path_factory.mktemp("recogniser"))


@pytest.fixture(scope="session")
def whisper_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a tiny Whisper model."""
    return make_whisper(tmp_path_factory.mktemp("models") / "whisper")


@pytest.fixture(scope="session")
def piper_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a tiny Piper voice with three speakers that tells when its words are said."""
    return make_piper(tmp_path_factory.mktemp("models") / "en_US-tiny-low.onnx", speakers=3, aligned=True)


@pytest.fixture(scope="session")
def model() -> SileroModel:
    return SileroModel()


@pytest.fixture
def voice(voice_uri: str) -> VoiceClient:
    return VoiceClient(FixedEndpoint(voice_uri), timeout=60)


@pytest.fixture
def recogniser(recogniser_uri: str) -> RecogniserClient:
    return RecogniserClient(FixedEndpoint(recogniser_uri), timeout=60)

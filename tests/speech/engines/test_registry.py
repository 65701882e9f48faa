"""Engines of other packages: found, made in their host process, refused in words."""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hullo.speech.engines.registry import engine_names, engine_options, make_engine
from hullo.speech.errors import SpeechError
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.speech.engines.parrot import EXAMPLE, put_parrot
from tests.speech.support import silence


def ignored(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def parrot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is installed, for this process and for hosts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "site").mkdir()
    directory = put_parrot(tmp_path / "site")
    monkeypatch.syspath_prepend(str(directory))
    monkeypatch.setenv("PYTHONPATH", ":".join([str(directory), *filter(None, sys.path)]))


@pytest.mark.usefixtures("parrot")
async def test_an_engine_of_another_package_hears_and_speaks() -> None:
    assert "parrot" in engine_names("recogniser")
    async with SpeechService(SpeechSettings(recogniser="parrot", model="grey", voice="parrot")) as service:
        assert service.recogniser is not None
        assert (await service.recogniser.transcribe(silence(2.0, 16_000))).text == "grey heard 2 seconds"
        assert len(await service.synthesise("Polly wants a cracker")) == pytest.approx(48_000, abs=100)
    assert "hullo_parrot" not in sys.modules, "it belongs into its host process"


@pytest.mark.usefixtures("parrot")
async def test_what_it_does_not_take_is_refused() -> None:
    service = SpeechService(SpeechSettings(recogniser="parrot", prompt="Pieces of eight", voice=None))
    with pytest.raises(SpeechError, match="'parrot' takes no prompt \\(it takes model\\)"):
        async with service:
            pytest.fail("it started")


def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    metadata = tmp_path / "broken-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[hullo.voices]\nbroken = broken_voice:Voice\n")
    (tmp_path / "broken_voice.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize("code", ["import no_such_package", "", "class Voice:\n    def __init__(self):\n        1 / 0"])
def test_one_that_can_not_be_made_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    broken(tmp_path, monkeypatch, code)
    monkeypatch.delitem(sys.modules, "broken_voice", raising=False)
    with pytest.raises(SpeechError, match="The voice 'broken' can't be made: "):
        make_engine("voice", "broken", {}, ignored)


def test_one_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SpeechError, match="There is no voice 'nightingale': use 'espeak', 'piper', the URI"):
        engine_options("voice", "nightingale")


def test_the_example_is_as_short_as_it_says() -> None:
    assert len((EXAMPLE / "src" / "hullo_parrot.py").read_text().splitlines()) <= 36


@pytest.mark.peer
def test_the_example_installs_with_pip(tmp_path: Path) -> None:
    """Needs a package index, for what builds it."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target", str(tmp_path), str(EXAMPLE)]
    subprocess.run(command, check=True, timeout=100)
    show = "from hullo.speech.engines.registry import engine_names as n; print(n('voice'), n('recogniser'))"
    environment = os.environ | {"PYTHONPATH": ":".join([str(tmp_path), *filter(None, sys.path)])}
    found = subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout == "['espeak', 'piper', 'parrot'] ['pocketsphinx', 'faster-whisper', 'parrot']\n"


TALKATIVE = """
import subprocess
import sys

print("loading ...")
print("x" * 200_000, flush=True)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
"""


@pytest.mark.usefixtures("parrot")
async def test_one_that_prints_and_leaves_children_behind_starts_speaks_and_ends(tmp_path: Path) -> None:
    module = tmp_path / "site" / "hullo_parrot.py"
    module.write_text(TALKATIVE + module.read_text())
    async with (
        asyncio.timeout(15.0),
        SpeechService(SpeechSettings(recogniser=None, voice="parrot")) as service,
    ):
        assert len(await service.synthesise("Polly wants a cracker")) > 0

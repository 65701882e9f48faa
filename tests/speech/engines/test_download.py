"""Models that are not there yet: fetched with progress from a hub on loopback, or a clear line why not."""

import asyncio
import io
import tempfile
from pathlib import Path

import pytest
from rich.console import Console

from hullo.speech.engines.faster_whisper import FasterWhisperRecogniser
from hullo.speech.engines.piper import PiperEngine
from hullo.speech.errors import SpeechError
from hullo.speech.events import HostEvent, HostLoading, HostUp
from hullo.speech.hosting.download_display import DownloadDisplay
from hullo.speech.hosting.supervisor import EngineChoice, HostSupervisor, Patience
from tests.speech.hub import hub, piper_repository, repository_of


class Reports(list[tuple[str, int, int]]):
    """What was said of a download."""

    def __call__(self, what: str, done: int, total: int) -> None:
        self.append((what, done, total))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for models; nothing listens where they would come from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    return tmp_path / "cache"


def test_a_whisper_model_is_fetched_once(whisper_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = Reports()
    with hub({"me/tiny": repository_of(whisper_model)}) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        FasterWhisperRecogniser(model="me/tiny", report=reports)
    assert [one for one in reports if one[0] == "the Whisper model 'me/tiny': model.bin" and one[1] == one[2] > 0]
    before = list(reports)
    assert FasterWhisperRecogniser(model="me/tiny", report=reports).info.model == "me/tiny"
    assert reports == before


def test_a_piper_voice_is_fetched_once(piper_voice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = Reports()
    with hub({"rhasspy/piper-voices": piper_repository(piper_voice)}) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        PiperEngine(voice="en_US-tiny-low", report=reports)
    before = list(reports)
    assert PiperEngine(voice="en_US-tiny-low", report=reports).info.model == "en_US-tiny-low"
    assert reports == before


def test_without_a_network_there_is_one_clear_line() -> None:
    with pytest.raises(SpeechError, match=r"The Whisper model 'base' is not on this machine .* connect it once, or"):
        FasterWhisperRecogniser(model="base", report=Reports())
    with pytest.raises(SpeechError, match=r"The Piper voice 'de_DE-x-low': .* is not on this machine .* connect it"):
        PiperEngine(voice="de_DE-x-low", report=Reports())


def test_what_the_hub_has_not_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub({}) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(SpeechError, match=r"The Whisper model 'me/tiny' is not at .*404.*check its name"):
            FasterWhisperRecogniser(model="me/tiny", report=Reports())


def test_a_download_that_breaks_off_leaves_nothing(
    piper_voice: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub({"rhasspy/piper-voices": piper_repository(piper_voice)}, break_off=True) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(SpeechError, match=r"The download of the Piper voice 'en_US-tiny-low': .* try again"):
            PiperEngine(voice="en_US-tiny-low", report=Reports())
    assert [path for path in cache.rglob("*") if path.is_file()] == []


async def test_a_host_tells_how_its_download_goes(
    whisper_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    events: list[HostEvent] = []
    with hub({"me/tiny": repository_of(whisper_model)}) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        choice = EngineChoice("faster-whisper", {"model": "me/tiny"})
        host = HostSupervisor("recogniser", choice, events.append, Patience())
        running = asyncio.create_task(host.run())
        await host.started()
        running.cancel()
        await asyncio.wait([running])
    loading = [one for one in events if isinstance(one, HostLoading)]
    assert {one.what for one in loading} >= {"the Whisper model 'me/tiny': model.bin"}
    assert all(one.done <= one.total for one in loading)
    assert events[-1] == HostUp(role="recogniser", restarts=0)


def test_people_see_a_bar_at_a_terminal_and_lines_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    steps = range(0, 1_000_001, 20_000)
    news = [HostLoading(role="voice", what="a voice", done=done, total=1_000_000) for done in steps]
    terminal = io.StringIO()
    with DownloadDisplay(Console(file=terminal, force_terminal=True, width=100)) as display:
        for one in news:
            display.show(one)
    assert "a voice" in terminal.getvalue()
    assert "1.0/1.0 MB" in terminal.getvalue()
    assert not caplog.messages
    with DownloadDisplay(Console(file=io.StringIO())) as display:
        for one in news:
            display.show(one)
    assert len(caplog.messages) == 11
    assert caplog.messages[-1] == "downloading a voice: 100 % of 1.0 MB"

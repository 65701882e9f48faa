"""What the doctor says of hearing and speaking, against servers that are there and that are not."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from hullo.cli.doctor_speech import examine_speech
from hullo.cli.finding import Finding, Verdict
from hullo.speech.engines.engine import Emit, EngineInfo
from hullo.speech.hosting.voice_handler import VoiceHandler
from hullo.speech.hosting.worker import Worker
from tests.speech.models.piper import make_piper
from tests.speech.openai_server import KEY, OpenAiHost
from tests.speech.support import serving


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No configuration but the one that a test writes, and no models."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "hullo").mkdir()
    return tmp_path


def configure(home: Path, speech: str) -> None:
    path = home / "hullo" / "hullo.toml"
    path.write_text(f"[speech]\n{speech}\n")
    path.chmod(0o600)


async def findings() -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in await asyncio.to_thread(lambda: list(examine_speech())):
        found.setdefault(finding.name, []).append(finding)
    return found


async def test_engines_and_models_that_are_there(home: Path) -> None:
    make_piper(home / "cache" / "hullo" / "models" / "piper" / "en_US-tiny-low.onnx")
    found = await findings()
    assert [one.found.partition(" ")[0] for one in found["recogniser"][:2]] == ["pocketsphinx", "faster-whisper"]
    assert [one.found.partition(" ")[0] for one in found["voice"][:2]] == ["espeak", "piper"]
    assert found["model"][0].found.startswith("en_US-tiny-low, 0 MB")
    assert found["configured voice"][0].found == "espeak"


class Mute:
    """A voice that is only asked what it is."""

    info = EngineInfo("mute", "", "", "1.2", "m", ["en", "de"])
    rate = 16_000

    def synthesise(self, text: str, voice: str | None, speaker: str | None, emit: Emit) -> None:
        raise AssertionError("nobody wants to hear it")


async def test_servers_are_asked(home: Path) -> None:
    factory = partial(VoiceHandler, Mute(), Worker())
    async with OpenAiHost().serving() as base, serving(home, factory) as endpoint:
        voice_uri = await endpoint.uri()
        configure(home, f'recogniser = "{base}"\nrecogniser_api_key = "{KEY}"\nvoice = "{voice_uri}"')
        found = await findings()
    assert found["configured recogniser"] == [Finding("configured recogniser", Verdict.OK, f"{base}: answers")]
    [voice] = found["configured voice"]
    assert "mute 1.2; 1 voices; 2 languages; streams" in voice.found
    gone = await findings()
    assert "No answer from" in gone["configured recogniser"][0].found
    assert "No Wyoming server answers" in gone["configured voice"][0].found
    assert gone["configured voice"][0].verdict is Verdict.BROKEN


async def test_a_configuration_that_can_not_be(home: Path) -> None:
    configure(home, 'recogniser = "tcp://127.0.0.1:1"\nprompt = "x"')
    [broken] = (await findings())["configuration"]
    assert broken.verdict is Verdict.BROKEN
    assert "takes no prompt" in broken.found


async def test_speech_that_is_switched_off(home: Path) -> None:
    configure(home, "enabled = false")
    assert (await findings())["configured voice"][0].verdict is Verdict.OPTIONAL

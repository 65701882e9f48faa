"""Each engine and each kind of server in a real call, and what becomes of the call when it fails."""

import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

import hullo
from hullo.speech.errors import SpeechError
from tests.situations.trouble import TROUBLES, put_trouble
from tests.situations.two_phones import TwoPhones, audible_seconds, seen, two_phones
from tests.speech.models.piper import make_piper
from tests.speech.models.whisper import SENTENCE, make_whisper
from tests.speech.openai_server import KEY, OpenAiHost
from tests.speech.wyoming_servers import wyoming_faster_whisper, wyoming_piper

LONG = " ".join(f"This is sentence number {number}." for number in range(4))


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models are, and hosts have their sockets; nothing can be downloaded."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    return tmp_path


def whisper_and_piper(directory: Path, *, voice_timeout: float = 10.0) -> hullo.SpeechSettings:
    model = make_whisper(directory / "model")
    voice = make_piper(directory / "voices" / "en_US-tiny-low.onnx", aligned=True)
    return hullo.SpeechSettings(
        recogniser="faster-whisper",
        model=str(model),
        voice="piper",
        voice_name=str(voice),
        speed=2.5,
        voice_timeout=voice_timeout,
    )


def host_pid(engine: str) -> int:
    """The agent's host of this engine."""
    return next(child.pid for child in psutil.Process().children() if engine in child.cmdline())


@pytest.mark.peer
async def test_faster_whisper_and_piper_and_their_hosts_killed(directory: Path) -> None:
    async with two_phones(directory, whisper_and_piper(directory)) as call:
        speech = await call.heard()
        assert (speech.text, speech.language) == (SENTENCE, "en")
        assert audible_seconds(await call.said("Hello there.")) > 0.5
        utterance = call.agent.speak(LONG)
        await seen(call.agent_events, hullo.Speaking)
        os.kill(host_pid("piper"), signal.SIGKILL)
        os.kill(host_pid("faster-whisper"), signal.SIGKILL)
        told = {(await seen(call.agent_events, hullo.Error)).component for _ in range(2)}
        assert told == {"recogniser", "voice"}
        assert (await seen(call.agent_events, hullo.Spoken)).utterance_id == utterance, "it is finished by a new host"
        assert (await call.heard()).text == SENTENCE


@contextlib.asynccontextmanager
async def servers(directory: Path) -> AsyncIterator[tuple[int, int]]:
    """Home Assistant's servers with tiny models: their process ids."""
    directory.joinpath("data").mkdir(exist_ok=True)
    for name in ("whisper", "piper"):
        directory.joinpath(name).unlink(missing_ok=True)
    model = make_whisper(directory / "model")
    voice = make_piper(directory / "voices" / "en_US-tiny-low.onnx")
    async with (
        wyoming_faster_whisper(directory / "data", model, f"unix://{directory}/whisper") as recogniser,
        wyoming_piper(directory / "data", voice, f"unix://{directory}/piper") as piper,
    ):
        yield recogniser.pid, piper.pid


def at_servers(directory: Path, **more: float) -> hullo.SpeechSettings:
    return hullo.SpeechSettings(
        recogniser=f"unix://{directory}/whisper",
        language="en",
        voice=f"unix://{directory}/piper",
        recogniser_timeout=more.get("timeout", 10.0),
        voice_timeout=more.get("timeout", 10.0),
    )


@pytest.mark.peer
async def test_home_assistants_servers_and_their_absence(directory: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(contextlib.AsyncExitStack())
        pids = await running.enter_async_context(servers(directory))
        call = await stack.enter_async_context(two_phones(directory, at_servers(directory)))
        assert SENTENCE in (await call.heard()).text
        assert audible_seconds(await call.said("Hello there.")) > 0.5
        call.agent.speak("A sentence that is said while the server is there. " * 20)
        await seen(call.agent_events, hullo.Speaking)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        await running.aclose()
        assert "No Wyoming server answers" in (await call.error("voice")).error
        call.agent.interrupt()
        call.caller.speak("Are you still there?")
        await call.error("recogniser", lambda text: "No Wyoming server answers" in text)
        async with servers(directory):
            missing = {"recogniser", "voice", "the question, which waited"}
            while missing:
                match await anext(call.agent_events):
                    case hullo.Error(component=component, error="running again"):
                        missing.discard(component)
                    case hullo.Speech(text=text):
                        assert SENTENCE in text
                        missing.discard("the question, which waited")
            assert SENTENCE in (await call.heard()).text
            assert audible_seconds(await call.said("I am back.")) > 0.5


async def told_of_both(call: TwoPhones, text: str) -> None:
    """Wait for an error with `text` of the recogniser and one of the voice, in whichever order they come."""
    missing = {"recogniser", "voice"}
    while missing:
        error = await seen(call.agent_events, hullo.Error, lambda error: text in error.error)
        missing.discard(error.component)


@pytest.mark.peer
async def test_home_assistants_servers_hang_for_ten_seconds(directory: Path) -> None:
    async with servers(directory) as pids, two_phones(directory, at_servers(directory)) as call:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        call.agent.speak("Is there anybody?", interruptible=False)
        call.caller.speak("Hello?")
        await told_of_both(call, "silent for 10 s")
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        await told_of_both(call, "running again")
        assert SENTENCE in (await call.heard()).text
        assert audible_seconds(await call.said("Hello there.")) > 0.5


def at_openai(base: str, **more: float) -> hullo.SpeechSettings:
    return hullo.SpeechSettings(
        recogniser=base,
        recogniser_api_key=KEY,
        voice=base,
        voice_api_key=KEY,
        recogniser_timeout=more.get("timeout", 10.0),
        voice_timeout=more.get("timeout", 10.0),
    )


async def test_an_openai_compatible_server_and_its_troubles(directory: Path) -> None:
    host = OpenAiHost(rate=16_000)
    async with host.serving() as base, two_phones(directory, at_openai(base, timeout=1.0)) as call:
        assert "seconds" in (await call.heard()).text
        assert audible_seconds(await call.said("Five words of this sound.")) == pytest.approx(1.25, abs=0.2)
        for trouble, words in [("503", "status 503"), ("hang", "silent for 1 s"), ("garbage", "sound that is no WAV")]:
            host.trouble = trouble
            call.agent.speak("This will not be said.")
            assert words in (await call.error("voice")).error
        host.trouble = ""
        assert audible_seconds(await call.said("Said.")) > 0.1


@pytest.mark.peer
async def test_a_recogniser_over_http_that_fails_and_recovers(directory: Path) -> None:
    host = OpenAiHost()
    async with host.serving() as base, two_phones(directory, at_openai(base, timeout=4.0)) as call:
        for trouble, words in [("503", "status 503"), ("hang", "silent for 4 s"), ("garbage", "without text")]:
            host.trouble = trouble
            call.caller.speak("Hello?")
            assert words in (await call.error("recogniser")).error
        host.trouble = ""
        assert "seconds" in (await call.heard()).text


@pytest.mark.peer
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_an_engine_of_somebody_else_that_fails(
    directory: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    site = str(put_trouble(directory / "site"))
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", ":".join([site, *filter(None, sys.path)]))
    settings = hullo.SpeechSettings(
        recogniser="trouble",
        model=trouble,
        recogniser_timeout=4.0,  # and the voice has the 10 s that it is given by default
        voice="trouble",
        voice_name=trouble,
    )
    async with two_phones(directory, settings) as call:
        call.agent.speak("Here comes trouble.")
        await call.error("voice", lambda text: re.search(TOLD[trouble][0], text) is not None)
        call.caller.speak("Do you have a table for four people?")
        if trouble == "rate":
            await seen(call.agent_events, hullo.Speech)
        else:
            await call.error("recogniser", lambda text: re.search(TOLD[trouble][1], text) is not None)


TOLD = {
    "crash": ("ended with status 7", "ended with status 7"),
    "hang": ("has not ended in 10 s|silent for 10 s", "has not ended in 4 s|silent for 4 s"),
    "raise": ("engine failed: RuntimeError.*out of luck", "engine failed: RuntimeError.*out of luck"),
    "rate": ("a sample rate of 123", ""),
}
"""What the gateway is told of each trouble of a voice and of a recogniser."""


@pytest.mark.peer
async def test_hosts_that_hang_for_ten_seconds(directory: Path) -> None:
    async with two_phones(directory, whisper_and_piper(directory, voice_timeout=3.0)) as call:
        pids = host_pid("piper"), host_pid("faster-whisper")
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        call.agent.speak("Is there anybody?")
        assert "did not answer for 10 s" in (await call.error("voice", lambda text: "10 s" in text)).error
        assert (await call.heard()).text == SENTENCE
        assert audible_seconds(await call.said("Hello there.")) > 0.2
        assert not any(psutil.pid_exists(pid) for pid in pids), "both are replaced"


@pytest.mark.peer
async def test_a_model_that_is_gone_when_its_host_dies(directory: Path) -> None:
    async with two_phones(directory, whisper_and_piper(directory)) as call:
        shutil.move(directory / "model", directory / "gone")
        os.kill(host_pid("faster-whisper"), signal.SIGKILL)
        await call.error("recogniser", lambda text: "There is no directory" in text)
        assert audible_seconds(await call.said("I am deaf now.")) > 0.2
        shutil.move(directory / "gone", directory / "model")
        await call.error("recogniser", lambda text: text == "running again")
        assert (await call.heard()).text == SENTENCE


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"recogniser": "faster-whisper", "voice": None}, "The Whisper model 'base' is not on this machine and"),
        ({"recogniser": None, "voice": "piper"}, "en_US-lessac-medium.onnx is not on this machine and"),
    ],
)
async def test_without_a_model_and_a_network_there_is_no_phone_but_a_reason(
    settings: dict[str, str | None], said: str
) -> None:
    with pytest.raises(SpeechError, match=said):
        async with hullo.Phone(speech=hullo.SpeechSettings(**settings)):  # type: ignore[arg-type]
            pytest.fail("it started")

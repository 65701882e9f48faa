"""Servers that somebody else runs: those of Home Assistant, and one that comes and goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from wyoming.server import AsyncTcpServer

from hullo.media.pcm import level_dbfs
from hullo.speech.engines.espeak import EspeakVoice
from hullo.speech.errors import SpeechError
from hullo.speech.events import HostDown, HostEvent, HostUp
from hullo.speech.hosting.supervisor import Patience
from hullo.speech.hosting.voice_handler import VoiceHandler
from hullo.speech.hosting.worker import Worker
from hullo.speech.listening.resample import resample
from hullo.speech.servers.capabilities import Capabilities
from hullo.speech.servers.client import FixedEndpoint, VoiceClient
from hullo.speech.servers.remote import Wanted
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.ports import free_port
from tests.speech.models.whisper import SENTENCE
from tests.speech.support import espeak_in_process, eventually, spoken
from tests.speech.wyoming_servers import wyoming_faster_whisper, wyoming_piper


async def in_words(text: str) -> AsyncIterator[str]:
    for word in text.split():
        yield word + " "


async def test_wyoming_faster_whisper_hears(tmp_path: Path, whisper_model: Path, voice: VoiceClient) -> None:
    uri = f"tcp://127.0.0.1:{free_port()}"
    sound = resample(await spoken(voice, "Do you have a table?"), 48_000, 16_000)
    settings = SpeechSettings(recogniser=uri, language="en", hot_words=("table",), voice=None)
    async with wyoming_faster_whisper(tmp_path, whisper_model, uri), SpeechService(settings) as service:
        assert service.recogniser is not None
        assert SENTENCE in (await service.recogniser.transcribe(sound)).text
        async with service.recogniser.session() as session:
            for piece in np.array_split(sound, 30):
                await session.feed(piece)
            assert SENTENCE in (await session.finish()).text
        async with service.recogniser.session() as given_up:
            await given_up.feed(sound)
        assert SENTENCE in (await service.recogniser.transcribe(sound)).text


async def test_wyoming_piper_speaks_while_the_text_is_written(tmp_path: Path, piper_voice: Path) -> None:
    uri = f"unix://{tmp_path}/piper"
    settings = SpeechSettings(recogniser=None, voice=uri, voice_name=piper_voice.stem, speaker="speaker-1")
    async with wyoming_piper(tmp_path, piper_voice, uri), SpeechService(settings) as service:
        assert (await VoiceClient(FixedEndpoint(uri), timeout=60).capabilities()).streams
        assert service.voice is not None
        whole = await service.synthesise("One apple. Two apples. Three apples.")
        async with aclosing(service.voice.stream(in_words("One apple. Two apples. Three apples."))) as stream:
            streamed = np.concatenate([piece async for piece in stream])
        assert level_dbfs(whole) > -30
        assert len(streamed) == pytest.approx(len(whole), rel=0.1)
        other = VoiceClient(FixedEndpoint(uri), timeout=60, voice=piper_voice.stem, speaker="speaker-2")
        assert not np.array_equal(await spoken(other, "One apple."), await service.synthesise("One apple."))


@asynccontextmanager
async def espeak_at(port: int, engine: EspeakVoice) -> AsyncIterator[None]:
    server = AsyncTcpServer("127.0.0.1", port)
    await server.start(partial(VoiceHandler, engine, Worker()))
    try:
        yield
    finally:
        await server.stop()


@pytest.fixture(scope="module")
def engine() -> EspeakVoice:
    return espeak_in_process()


QUICK = Patience(ping=2.0, restart=20.0)


async def test_a_server_that_comes_later_and_goes_and_comes_again(engine: EspeakVoice) -> None:
    port = free_port()
    events: list[HostEvent] = []
    settings = SpeechSettings(recogniser=None, voice=f"tcp://127.0.0.1:{port}")
    async with SpeechService(settings, events.append, patience=QUICK) as service:
        assert isinstance(events[0], HostDown)
        assert "No Wyoming server answers" in events[0].detail
        async with espeak_at(port, engine):
            assert len(await service.synthesise("Hello."))
        assert events[-1] == HostUp(role="voice", restarts=1)
        with pytest.raises(SpeechError, match=r"closed the connection|No Wyoming server answers"):
            await service.synthesise("Are you there?")
        await eventually(lambda: isinstance(events[-1], HostDown))
        waiting = asyncio.create_task(service.synthesise("Are you there now?"))
        async with espeak_at(port, engine):
            assert len(await waiting)
        assert events[-1] == HostUp(role="voice", restarts=2)


ABLE = Capabilities(
    program="p",
    version=None,
    models=("base",),
    languages=frozenset({"de_DE", "en"}),
    speakers={"anna": (), "chorus": ("alto", "bass")},
)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(language="de-AT", model="base"), None),
        (Wanted(language="fr"), "p knows de_DE, en, not 'fr'"),
        (Wanted(model="huge"), "p has the models base, not 'huge'"),
        (Wanted(voice="anna", speaker="3"), None),
        (Wanted(voice="bert"), "p has the voices anna, chorus, not 'bert'"),
        (Wanted(voice="chorus", speaker="bass"), None),
        (Wanted(voice="chorus", speaker="tenor"), "The voice chorus of p has the speakers alto, bass, not 'tenor'"),
    ],
)
def test_what_is_wanted_is_held_against_what_a_server_says(wanted: Wanted, said: str | None) -> None:
    if said is None:
        wanted.check(ABLE)
    else:
        with pytest.raises(SpeechError, match=said):
            wanted.check(ABLE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"voice_name": "klingon"}, "espeak has the voices en-us.f2, not 'klingon'"),
        ({"recogniser": True}, "no recogniser in its info"),
    ],
)
async def test_a_server_that_can_not_do_it_is_refused_at_the_start(
    engine: EspeakVoice, options: dict[str, str], said: str
) -> None:
    port = free_port()
    uri = f"tcp://127.0.0.1:{port}"
    both = SpeechSettings(recogniser=uri, voice=None) if "recogniser" in options else None
    settings = both or SpeechSettings(recogniser=None, voice=uri, **options)  # type: ignore[arg-type]
    async with espeak_at(port, engine):
        with pytest.raises(SpeechError, match=said):
            async with SpeechService(settings, patience=QUICK):
                pytest.fail("it started")

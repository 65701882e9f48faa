"""Speech that is recognised while it is heard, and text that is spoken while it is written."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Eventable, async_read_event, async_write_event
from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

from hullo.media.pcm import Pcm
from hullo.speech.engines.engine import EngineInfo, Recognition, RecognitionRequest
from hullo.speech.errors import SpeechError
from hullo.speech.hosting.recogniser_handler import RecogniserHandler
from hullo.speech.hosting.worker import Worker
from hullo.speech.listening.resample import resample
from hullo.speech.ports import WordTiming
from hullo.speech.servers.client import FixedEndpoint, RecogniserClient, VoiceClient, whole
from tests.speech.support import Script, eventually, server, serving, silence, spoken, tone, word_errors

SENTENCE = "Do you have a table for four people?"


async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter
        await asyncio.sleep(0)


async def test_partial_results_come_while_the_speech_is_fed(voice: VoiceClient, recogniser: RecogniserClient) -> None:
    padded = np.concatenate([silence(0.3), await spoken(voice, SENTENCE), silence(0.3)])
    sound = resample(padded, 48_000, 16_000)
    partials: list[str] = []
    async with recogniser.session(partials.append) as session:
        await session.feed(sound[: 16_000 * 3 // 2])
        await eventually(lambda: partials)
        await session.feed(sound[16_000 * 3 // 2 :])
        result = await session.finish()
    assert word_errors("do you have a", partials[0]) <= 3, partials
    assert word_errors(SENTENCE, result.text) <= 1


class Patient:
    """An engine that works until nobody wants the answer any more."""

    info = EngineInfo("test", "test", "", "1", "test", ["en"])

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.given_up = threading.Event()

    def transcribe(self, samples: Pcm, request: RecognitionRequest, wanted: Callable[[], bool]) -> Recognition | None:
        self.begun.set()
        while wanted():
            pass
        self.given_up.set()
        return None


async def test_leaving_without_finish_gives_the_work_up(tmp_path: Path) -> None:
    engine = Patient()
    async with serving(tmp_path, partial(RecogniserHandler, engine, Worker())) as endpoint:
        async with RecogniserClient(endpoint, timeout=60).session() as session:
            await session.feed(tone(1.0, rate=16_000))
            await eventually(engine.begun.is_set)
        await eventually(engine.given_up.is_set)


class Counting:
    """An engine that counts how often it is asked."""

    info = EngineInfo("test", "test", "", "1", "test", ["en"])

    def __init__(self) -> None:
        self.asked = 0

    def transcribe(self, samples: Pcm, request: RecognitionRequest, wanted: Callable[[], bool]) -> Recognition | None:
        self.asked += 1
        return Recognition(f"{len(samples)} samples", None)


async def test_a_recording_is_recognised_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.speech.hosting.recogniser_handler._LIVE_SECONDS", 30.0)  # it comes faster than that
    engine = Counting()
    async with serving(tmp_path, partial(RecogniserHandler, engine, Worker())) as endpoint:
        result = await RecogniserClient(endpoint, timeout=60).transcribe(tone(20.0, rate=16_000))
    assert (result.text, engine.asked) == ("320000 samples", 1)


def answers(*messages: Eventable, after: str = "audio-stop") -> Script:
    """A server that says `messages` as soon as it hears an event of the type `after`."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (event := await async_read_event(reader)) and event.type != after:
            pass
        for message in messages:
            await async_write_event(message.event(), writer)
        await reader.read()

    return script


@pytest.mark.parametrize(
    ("messages", "partials"),
    [
        ([Transcript(text="good day")], []),
        ([TranscriptStart(), TranscriptChunk(text="good "), TranscriptChunk(text="day"), TranscriptStop()], "stream"),
        ([TranscriptStart(), TranscriptChunk(text="good "), Transcript(text="good day")], ["good"]),
        ([TranscriptStart(), TranscriptChunk(text="go"), TranscriptStart(), Transcript(text="good day")], ["go"]),
    ],
)
async def test_servers_of_every_kind_are_understood(
    tmp_path: Path, messages: list[Eventable], partials: list[str] | str
) -> None:
    heard: list[str] = []
    async with (
        server(tmp_path, answers(*messages)) as uri,
        RecogniserClient(FixedEndpoint(uri), timeout=30).session(heard.append) as session,
    ):
        await session.feed(silence(0.5, 16_000))
        assert (await session.finish()).text == "good day"
    assert heard == (["good", "good day"] if partials == "stream" else partials)


async def test_a_server_that_ends_the_turn_itself_is_believed(tmp_path: Path) -> None:
    async with (
        server(tmp_path, answers(Transcript(text="enough"), after="audio-chunk")) as uri,
        RecogniserClient(FixedEndpoint(uri), timeout=30).session() as session,
    ):
        for _ in range(20):
            await session.feed(silence(0.1, 16_000))
            await asyncio.sleep(0)
        assert (await session.finish()).text == "enough"


async def test_a_refusal_in_mid_speech_is_told_at_once(tmp_path: Path) -> None:
    async def talk(uri: str) -> None:
        async with RecogniserClient(FixedEndpoint(uri), timeout=30).session() as session:
            while True:
                await session.feed(silence(0.1, 16_000))
                await asyncio.sleep(0.001)

    async with server(tmp_path, answers(Error(text="no disk"), after="audio-chunk")) as uri:
        with pytest.raises(SpeechError, match="refused: no disk"):
            await talk(uri)


async def test_a_server_that_hangs_after_the_speech_is_left(tmp_path: Path) -> None:
    async with server(tmp_path, answers(TranscriptStart())) as uri:
        with pytest.raises(SpeechError, match=r"silent for 0\.2 s") as caught:
            await RecogniserClient(FixedEndpoint(uri), timeout=0.2).transcribe(silence(0.5, 16_000))
    assert caught.value.transient


async def test_a_text_is_spoken_while_it_is_written(voice: VoiceClient) -> None:
    rest = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        yield "This is the first"
        yield " sentence. This "
        await rest.wait()
        yield "is the second."

    sound = 0
    async with aclosing(voice.stream(pieces())) as stream:
        async for piece in stream:
            sound += len(piece)
            rest.set()
    assert sound > len(await spoken(voice, "This is the first sentence.")) * 1.5


async def test_each_word_has_its_time(voice: VoiceClient) -> None:
    text = "I have 1234 apples. Do you like them, Zoë?"
    words: list[WordTiming] = []
    first: list[int] = []
    sound = 0
    async with aclosing(voice.stream(letters(text), words.extend)) as stream:
        async for piece in stream:
            sound += len(piece)
            first = first or [sound] * ("Do" in [one.word for one in words])
    assert [one.word for one in words] == ["I", "have", "1234", "apples", "Do", "you", "like", "them", "Zoë"]
    starts = [one.start_s for one in words]
    assert starts == sorted(starts)
    second = next(one.start_s for one in words if one.word == "Do")
    whole_first = [one async for one in voice.synthesise("I have 1234 apples.")]
    assert second == pytest.approx(sum(map(len, whole_first)) / 48_000, abs=0.1)
    assert starts[-1] < sound / 48_000
    assert first[0] / 48_000 < second + 0.2, "words are told with their sound, not at the end"


async def test_whole_texts_have_the_same_times(voice: VoiceClient) -> None:
    text = "Good morning. How are you?"
    told: list[WordTiming] = []
    async with aclosing(voice.synthesise(text, told.extend)) as stream:
        async for _ in stream:
            pass
    assert [one.word for one in told] == ["Good", "morning", "How", "are", "you"]


def whole_texts_only(said: list[str]) -> Script:
    """A voice without streaming: it says each text as a tenth of a second of sound."""
    attribution = Attribution(name="", url="")
    voice = TtsVoice("v", attribution, installed=True, description=None, version=None, languages=["en"])
    program = TtsProgram("p", attribution, installed=True, description=None, version=None, voices=[voice])

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while event := await async_read_event(reader):
            messages: list[Eventable] = []
            if event.type == "describe":
                messages = [Info(tts=[program])]
            elif event.type == "synthesize":
                said.append(event.data["text"])
                messages = [AudioStart(48_000, 2, 1), AudioChunk(48_000, 2, 1, b"\1\0" * 4800), AudioStop()]
            for message in messages:
                await async_write_event(message.event(), writer)

    return script


async def test_a_server_that_does_not_stream_gets_sentence_by_sentence(tmp_path: Path) -> None:
    said: list[str] = []
    async with server(tmp_path, whole_texts_only(said)) as uri:
        client = VoiceClient(FixedEndpoint(uri), timeout=30)
        assert not (await client.capabilities()).streams
        sound = [piece async for piece in client.stream(letters("One. Two, two.  Three?"))]
    assert said == ["One.", "Two, two.", "Three?"]
    assert len(np.concatenate(sound)) == 3 * 4800


async def test_what_the_writer_raises_comes_out(voice: VoiceClient) -> None:
    async def broken() -> AsyncIterator[str]:
        yield "Hello "
        raise LookupError("the line to the model broke")

    async with asyncio.timeout(30):
        with pytest.raises(LookupError, match="the model broke"):
            await whole(voice.stream(broken()))


async def test_leaving_a_stream_leaves_the_voice_free(voice: VoiceClient) -> None:
    async def endless() -> AsyncIterator[str]:
        while True:
            yield "And another sentence. "
            await asyncio.sleep(0.001)

    async with aclosing(voice.stream(endless())) as stream:
        assert len(await anext(stream))
    async with asyncio.timeout(30):
        assert len(await spoken(voice, "Short."))

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import wyoming.asr
from wyoming.error import Error
from wyoming.event import async_read_event, async_write_event

from hullo.media.pcm import Pcm
from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.events import (
    FailureKind,
    ListenerEvent,
    NothingRecognised,
    Partial,
    RecognitionFailed,
    SpeechEnded,
    SpeechStarted,
    Transcript,
)
from hullo.speech.listening.listener import Listener
from hullo.speech.listening.segmenter import SegmenterSettings
from hullo.speech.listening.vad import SileroModel
from hullo.speech.servers.client import FixedEndpoint, RecogniserClient, VoiceClient
from tests.speech.servers.test_client import says, sends
from tests.speech.support import eventually, hear_all, mixed, server, silence, spoken, tone, white_noise, word_errors

START = 1000.0
SENTENCE = "Are you open on Sunday?"


class Ear:
    """A listener in virtual time and what it told."""

    def __init__(
        self,
        recogniser: RecogniserClient,
        model: SileroModel,
        started: float | None = START,
        settings: SegmenterSettings = SegmenterSettings(),  # noqa: B008  # frozen
        speculative: bool = True,
        live_words: bool = False,
    ) -> None:
        self.events: list[ListenerEvent] = []
        self.now = START
        self.listener = Listener(
            recogniser,
            model,
            settings,
            FixedPause(0.6),
            self.events.append,
            started=started,
            clock=lambda: self.now,
            speculative=speculative,
            live_words=live_words,
        )

    @property
    def partials(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Partial)]

    def hear(self, pcm: Pcm) -> None:
        self.now = hear_all(self.listener, pcm, self.now)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.listener.run())
        await asyncio.sleep(0)  # until it runs
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def told(self, count: int) -> None:
        await eventually(lambda: len(self.events) >= count)


@pytest.fixture
async def sentence(voice: VoiceClient) -> Pcm:
    return np.concatenate([silence(1.0), await spoken(voice, SENTENCE), silence(1.0)])


async def test_what_was_said_and_when(recogniser: RecogniserClient, model: SileroModel, sentence: Pcm) -> None:
    ear = Ear(recogniser, model)
    async with ear.running():
        ear.hear(sentence)
        await ear.told(4)
    started, partial, ended, transcript = ear.events
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert isinstance(transcript, Transcript)
    assert started.at == pytest.approx(1.0, abs=0.15)
    assert ended.at == pytest.approx(len(sentence) / 48_000 - 1.0, abs=0.25)
    assert word_errors(SENTENCE, transcript.text) <= 1
    assert partial == Partial(text=transcript.text, started_at=started.at)
    assert (transcript.started_at, transcript.ended_at) == (started.at, ended.at)
    assert transcript.end_of_speech_ms == pytest.approx(600, abs=50)
    assert transcript.confidence is not None


async def test_what_was_said_last_is_told_though_nothing_follows(
    recogniser: RecogniserClient, model: SileroModel, sentence: Pcm
) -> None:
    ear = Ear(recogniser, model)
    async with ear.running():
        await ear.listener.finish()  # nothing was said
        assert ear.events == []
        ear.hear(sentence[: -48_000 * 11 // 10])  # not even to the end of its last word
        await ear.listener.finish()
    *_, ended, transcript = ear.events
    assert isinstance(ended, SpeechEnded)
    assert isinstance(transcript, Transcript)
    assert word_errors(SENTENCE, transcript.text) <= 2
    assert transcript.end_of_speech_ms == 0


async def test_without_a_start_time_the_first_frame_is_the_start(
    recogniser: RecogniserClient, model: SileroModel, sentence: Pcm
) -> None:
    ear = Ear(recogniser, model, started=None)
    ear.now += 500.0
    ear.hear(sentence)
    assert isinstance(ear.events[0], SpeechStarted)
    assert ear.events[0].at == pytest.approx(1.0, abs=0.15)


NOISES = {
    "digital silence": silence(8),
    "white -60 dBFS": white_noise(8, -60),
    "white -40 dBFS": white_noise(8, -40),
    "white -25 dBFS": white_noise(8, -25),
    "white -12 dBFS": white_noise(8, -12),
    "hum 50 Hz and harmonics": mixed(mixed(tone(8, 50), tone(8, 150, -26)), tone(8, 250, -32)),
    "dial tone": mixed(tone(8, 425, -20), tone(8, 350, -20)),
    "noise that begins in the middle": np.concatenate([silence(3), white_noise(5, -25)]),
    "noise that comes and goes": np.concatenate([silence(1), white_noise(1, -30)] * 4),
    "clicks": np.tile(np.concatenate([white_noise(0.01, -10), silence(0.49)]), 16),
}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES.keys())
async def test_noise_is_not_speech(recogniser: RecogniserClient, model: SileroModel, noise: Pcm) -> None:
    ear = Ear(recogniser, model)
    ear.hear(noise)
    assert ear.events == []


@pytest.mark.parametrize("dbfs", [-60.0, -45.0])
async def test_speech_over_noise_begins_and_ends(
    recogniser: RecogniserClient, model: SileroModel, sentence: Pcm, dbfs: float
) -> None:
    ear = Ear(recogniser, model)
    together = np.concatenate([silence(3), sentence, silence(1)])
    ear.hear(mixed(together, white_noise(len(together) / 48_000, dbfs)))
    started, ended = ear.events
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert started.at == pytest.approx(4.0, abs=0.2)
    assert ended.at == pytest.approx(len(together) / 48_000 - 2.0, abs=0.3)


async def test_speech_after_a_minute_of_mute_is_noticed_as_soon_as_ever(
    recogniser: RecogniserClient, model: SileroModel, sentence: Pcm
) -> None:
    ear = Ear(recogniser, model)
    ear.hear(np.concatenate([silence(60), sentence]))
    assert isinstance(ear.events[0], SpeechStarted)
    assert ear.events[0].at == pytest.approx(61.0, abs=0.15)


async def test_frames_of_other_lengths_are_heard_too(
    recogniser: RecogniserClient, model: SileroModel, sentence: Pcm
) -> None:
    ear = Ear(recogniser, model)
    for start in range(0, len(sentence), 2880):
        ear.listener.hear(sentence[start : start + 2880], START + (start + 2880) / 48_000)
    assert [type(event) for event in ear.events] == [SpeechStarted, SpeechEnded]


async def test_a_recogniser_that_fails_is_told_and_listening_goes_on(
    model: SileroModel, sentence: Pcm, tmp_path: Path
) -> None:
    async with server(tmp_path, says(Error(text="out of order"))) as uri:
        ear = Ear(RecogniserClient(FixedEndpoint(uri), timeout=30), model)
        async with ear.running():
            ear.hear(sentence)
            await ear.told(4)
            ear.hear(sentence)
            await ear.told(8)
    failed = ear.events[2]
    assert isinstance(failed, RecognitionFailed)
    assert failed.kind is FailureKind.FAILED
    assert "out of order" in failed.detail
    assert failed.started_at == pytest.approx(1.0, abs=0.15)
    kinds = [SpeechStarted, SpeechEnded, RecognitionFailed, NothingRecognised]
    assert [type(event) for event in ear.events] == 2 * kinds  # whoever waits for words learns that none come


async def test_a_lost_connection_is_tried_once_more(model: SileroModel, sentence: Pcm, tmp_path: Path) -> None:
    connections = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await sends(b"")(reader, writer)

    async with server(tmp_path, script) as uri:
        ear = Ear(RecogniserClient(FixedEndpoint(uri), timeout=30), model)
        async with ear.running():
            ear.hear(sentence)
            await ear.told(3)
    assert isinstance(ear.events[2], RecognitionFailed)
    assert connections == 2


async def test_speech_without_words_is_told_as_such(model: SileroModel, sentence: Pcm, tmp_path: Path) -> None:
    async with server(tmp_path, says(wyoming.asr.Transcript(text=" "))) as uri:
        ear = Ear(RecogniserClient(FixedEndpoint(uri), timeout=30), model)
        async with ear.running():
            ear.hear(sentence)
            await ear.told(3)
    assert isinstance(ear.events[2], NothingRecognised)


async def test_when_the_recogniser_falls_behind_the_oldest_speech_is_dropped_and_told(
    recogniser: RecogniserClient, model: SileroModel, sentence: Pcm
) -> None:
    ear = Ear(recogniser, model)
    for _ in range(10):
        ear.hear(sentence)
    dropped = [event for event in ear.events if isinstance(event, RecognitionFailed)]
    starts = [event for event in ear.events if isinstance(event, SpeechStarted)]
    assert [event.kind for event in dropped] == [FailureKind.DROPPED] * 2
    assert [event.dropped for event in dropped] == [1, 2]
    assert dropped[0].started_at == starts[0].at


class Scripted:
    """A Wyoming server that answers each request with the next text, when `go` is set."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked = 0
        self.left = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (event := await async_read_event(reader)) is not None and event.type != "audio-stop":
            pass
        self.asked += 1
        gone = asyncio.ensure_future(reader.read())
        going = asyncio.ensure_future(self.go.wait())
        await asyncio.wait([gone, going], return_when=asyncio.FIRST_COMPLETED)
        going.cancel()
        if gone.done():
            self.left += 1
            return
        await async_write_event(wyoming.asr.Transcript(text=self.texts.pop(0)).event(), writer)
        await gone


@asynccontextmanager
async def scripted(script: Scripted, model: SileroModel, directory: Path) -> AsyncIterator[Ear]:
    async with server(directory, script) as uri:
        ear = Ear(RecogniserClient(FixedEndpoint(uri), timeout=60), model)
        async with ear.running():
            yield ear


async def test_recognition_begins_in_the_pause_and_is_not_done_twice(
    model: SileroModel, sentence: Pcm, tmp_path: Path
) -> None:
    script = Scripted("are you open")
    async with scripted(script, model, tmp_path) as ear:
        ear.hear(sentence[: -48_000 * 6 // 10])
        assert [type(event) for event in ear.events] == [SpeechStarted]
        await ear.told(2)
        ear.hear(sentence[-48_000 * 6 // 10 :])
        await ear.told(4)
    assert [type(event) for event in ear.events] == [SpeechStarted, Partial, SpeechEnded, Transcript]
    assert script.asked == 1


async def test_where_requests_cost_recognition_waits_for_the_end(
    model: SileroModel, sentence: Pcm, tmp_path: Path
) -> None:
    script = Scripted("are you open")
    async with server(tmp_path, script) as uri:
        ear = Ear(RecogniserClient(FixedEndpoint(uri), timeout=60), model, speculative=False)
        async with ear.running():
            ear.hear(np.concatenate([sentence[:-48_000], silence(0.4), sentence[48_000:]]))
            await ear.told(3)
    assert [type(event) for event in ear.events] == [SpeechStarted, SpeechEnded, Transcript]
    assert script.asked == 1


async def test_recognition_is_dropped_when_the_peer_goes_on(model: SileroModel, sentence: Pcm, tmp_path: Path) -> None:
    script = Scripted("both of them")
    script.go.clear()
    pause = silence(0.35)
    said = sentence[48_000:-48_000]
    async with scripted(script, model, tmp_path) as ear:
        ear.hear(np.concatenate([silence(1.0), said, pause]))
        await eventually(lambda: script.asked)
        ear.hear(np.concatenate([said, silence(0.4)]))
        await eventually(lambda: script.left)
        script.go.set()
        await ear.told(2)
        ear.hear(silence(0.5))
        await ear.told(4)
    assert [type(event) for event in ear.events] == [SpeechStarted, Partial, SpeechEnded, Transcript]
    assert script.asked == 2


async def test_no_end_is_told_before_the_words_are_known_and_the_wait_counts_as_recognition(
    model: SileroModel, sentence: Pcm, tmp_path: Path
) -> None:
    script = Scripted("are you open")
    script.go.clear()
    async with scripted(script, model, tmp_path) as ear:
        ear.hear(sentence)
        await eventually(lambda: script.asked)
        assert [type(event) for event in ear.events] == [SpeechStarted]
        script.go.set()
        await ear.told(4)
    transcript = ear.events[3]
    assert isinstance(transcript, Transcript)
    assert transcript.end_of_speech_ms == pytest.approx(600, abs=1)
    assert transcript.recognition_ms == pytest.approx(400, abs=100)


async def test_long_speech_is_one_turn_whose_parts_are_joined(
    model: SileroModel, sentence: Pcm, tmp_path: Path
) -> None:
    script = Scripted("first part", "second part", "the end")
    said = np.concatenate([sentence[48_000:-48_000], silence(0.1)])
    settings = SegmenterSettings(max_segment=6.0)
    async with server(tmp_path, script) as uri:
        ear = Ear(RecogniserClient(FixedEndpoint(uri), timeout=60), model, settings=settings)
        async with ear.running():
            ear.hear(np.concatenate([silence(1.0), np.tile(said, 7), silence(0.4)]))
            await eventually(lambda: ear.partials[-1:] == ["first part second part"])
            ear.hear(silence(1.0))
            await eventually(lambda: isinstance(ear.events[-1], Transcript))
    transcript = ear.events[-1]
    assert isinstance(transcript, Transcript)
    assert transcript.text == "first part second part the end"
    assert transcript.started_at == pytest.approx(1.0, abs=0.15)


async def test_a_frame_after_the_listener_has_stopped_is_harmless(
    model: SileroModel, sentence: Pcm, tmp_path: Path
) -> None:
    script = Scripted()
    async with scripted(script, model, tmp_path) as ear:
        ear.hear(silence(0.1))
    ear.hear(sentence[:-38_400])
    assert script.asked == 0


class Streaming:
    """A Wyoming server that says how much it has heard so far, as a word for each 0.5 s."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told, heard = 0, 0
        await async_write_event(wyoming.asr.TranscriptStart().event(), writer)
        while (event := await async_read_event(reader)) is not None and event.type != "audio-stop":
            heard += len(event.payload or b"") // 2
            self.longest = max(self.longest, heard / 16_000)
            while heard - told >= 8_000:
                told += 8_000
                await async_write_event(wyoming.asr.TranscriptChunk(text=" word").event(), writer)
        if event is not None:
            await async_write_event(wyoming.asr.Transcript(text="all of it").event(), writer)
            await reader.read()


async def test_words_are_told_while_they_are_said(model: SileroModel, sentence: Pcm, tmp_path: Path) -> None:
    script = Streaming()
    async with server(tmp_path, script) as uri:
        ear = Ear(RecogniserClient(FixedEndpoint(uri), timeout=60), model, live_words=True)
        async with ear.running():
            ear.hear(sentence[: 48_000 + 24_000])
            await eventually(lambda: ear.partials)
            assert ear.partials[-1].split() == ["word"]
            ear.hear(sentence[48_000 + 24_000 : -50_000])
            await eventually(lambda: ear.partials[-1].split() == ["word"] * 3)
            assert not any(isinstance(event, SpeechEnded) for event in ear.events)
            ear.hear(sentence[-50_000:])
            await eventually(lambda: isinstance(ear.events[-1], Transcript))
    assert ear.events[-1].text == "all of it"  # type: ignore[union-attr]
    assert isinstance(ear.events[0], SpeechStarted)
    assert {event.started_at for event in ear.events if isinstance(event, Partial)} == {ear.events[0].at}


async def test_a_recogniser_that_cannot_stream_is_no_trouble(model: SileroModel, sentence: Pcm, tmp_path: Path) -> None:
    async with server(tmp_path, says(Error(text="out of order"))) as uri:
        ear = Ear(RecogniserClient(FixedEndpoint(uri), timeout=30), model, live_words=True)
        async with ear.running():
            ear.hear(sentence)
            await ear.told(4)
    assert [type(event) for event in ear.events] == [SpeechStarted, SpeechEnded, RecognitionFailed, NothingRecognised]

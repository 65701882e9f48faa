"""The clients against the real hosts, and against servers that do everything wrong."""

import asyncio
import json
import time
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event, async_write_event

from hullo.media.pcm import Pcm, level_dbfs
from hullo.speech.errors import SpeechError
from hullo.speech.listening.resample import resample
from hullo.speech.servers.client import FixedEndpoint, RecogniserClient, VoiceClient, whole
from tests.speech.support import Script, server, silence, spoken, tone, white_noise, word_errors


def says(*messages: Eventable | Event) -> Script:
    """A server that answers the end of the request with `messages` and waits for the client to leave."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (event := await async_read_event(reader)) and event.type not in ("synthesize", "audio-stop"):
            pass
        for message in messages:
            await async_write_event(message if isinstance(message, Event) else message.event(), writer)
        await reader.read()

    return script


def sends(data: bytes) -> Script:
    """A server that sends `data` and closes."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return script


async def test_what_the_voice_says_the_recogniser_hears(voice: VoiceClient, recogniser: RecogniserClient) -> None:
    sound = await spoken(voice, "Where are you located?")
    padded = np.concatenate([silence(0.3), sound, silence(0.3)])
    result = await recogniser.transcribe(resample(padded, 48_000, 16_000))
    assert word_errors("Where are you located?", result.text) <= 1
    assert result.confidence is not None
    assert 0.3 < result.confidence <= 1.0
    assert result.seconds > 0


async def test_the_same_sound_gives_the_same_words_whatever_came_before(
    voice: VoiceClient, recogniser: RecogniserClient
) -> None:
    sound = resample(await spoken(voice, "I want to cancel my order."), 48_000, 16_000)
    first = await recogniser.transcribe(sound)
    await recogniser.transcribe(white_noise(2.0, -20, 16_000))
    again = await recogniser.transcribe(sound)
    assert (again.text, again.confidence) == (first.text, first.confidence)


@pytest.mark.parametrize("samples", [silence(1.0, 16_000), silence(0.0), silence(0.001, 16_000)])
async def test_no_sound_has_no_words(recogniser: RecogniserClient, samples: Pcm) -> None:
    assert (await recogniser.transcribe(samples)).text == ""


async def test_speech_longer_than_a_piece_is_recognised_in_order(
    voice: VoiceClient, recogniser: RecogniserClient
) -> None:
    texts = ["Where are you located?", "Are you open on Sunday?", "What is your name?", "Where is my order?"]
    parts = [np.concatenate([await spoken(voice, text), silence(0.5)]) for text in texts]
    result = await recogniser.transcribe(resample(np.concatenate(parts), 48_000, 16_000))
    assert len(np.concatenate(parts)) > 6 * 48_000
    assert word_errors(" ".join(texts), result.text) <= 4


async def test_speech_arrives_before_it_is_complete_and_at_its_right_speed(voice: VoiceClient) -> None:
    text = "This is a sentence of some length. " * 40
    asked_at = time.monotonic()
    pieces, first_at = [], 0.0
    async with aclosing(voice.synthesise(text)) as stream:
        async for piece in stream:
            first_at = first_at or time.monotonic()
            pieces.append(piece)
    all_at = time.monotonic()
    assert first_at - asked_at < (all_at - asked_at) / 2
    seconds = sum(map(len, pieces)) / 48_000
    assert 60 < seconds < 140
    assert level_dbfs(np.concatenate(pieces)) > -30


async def test_leaving_cancels_and_the_next_text_does_not_wait_for_the_first(voice: VoiceClient) -> None:
    for _ in range(20):
        async with aclosing(voice.synthesise("This is a sentence of some length. " * 500)) as stream:
            assert len(await anext(stream))
    async with asyncio.timeout(30):
        assert len(await spoken(voice, "Short."))


async def test_a_slow_reader_does_not_hold_up_the_others(voice: VoiceClient) -> None:
    async with aclosing(voice.synthesise("This is a sentence of some length. " * 500)) as slow:
        assert len(await anext(slow))
        async with asyncio.timeout(30):
            assert len(await spoken(voice, "Short."))


async def test_a_voice_can_be_asked_for_by_name(voice_uri: str, voice: VoiceClient) -> None:
    german = VoiceClient(FixedEndpoint(voice_uri), timeout=60, voice="de")
    assert not np.array_equal(await spoken(german, "Guten Tag"), await spoken(voice, "Guten Tag"))
    with pytest.raises(SpeechError, match="no voice 'klingon!'") as caught:
        await spoken(VoiceClient(FixedEndpoint(voice_uri), timeout=60, voice="klingon!"), "Qapla")
    assert not caught.value.transient


async def test_what_the_host_cannot_do_it_refuses_in_words(recogniser_uri: str, voice: VoiceClient) -> None:
    german = RecogniserClient(FixedEndpoint(recogniser_uri), timeout=60, language="de")
    with pytest.raises(SpeechError, match="knows en and en-us, not 'de'"):
        await german.transcribe(silence(1.0, 16_000))
    with pytest.raises(SpeechError, match="at most 60 s"):
        await RecogniserClient(FixedEndpoint(recogniser_uri), timeout=60).transcribe(silence(61, 16_000))
    with pytest.raises(SpeechError, match="20000 characters"):
        await spoken(voice, "word " * 5000)


async def test_text_of_nothing_that_can_be_said_makes_no_sound(voice: VoiceClient) -> None:
    with pytest.raises(SpeechError, match="no sound"):
        await spoken(voice, "   ")


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="No Wyoming server answers at unix:///") as caught:
        await spoken(VoiceClient(FixedEndpoint(f"unix://{tmp_path}/none"), timeout=30), "hello")
    assert caught.value.transient


async def test_a_server_over_tcp_that_knows_no_confidence() -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says(Event("transcript-start"), Transcript(text=" Hello there. "))(reader, writer)
        writer.close()

    running = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with running:
        port = running.sockets[0].getsockname()[1]
        client = RecogniserClient(FixedEndpoint(f"tcp://127.0.0.1:{port}"), timeout=5, language="en")
        result = await client.transcribe(silence(0.5, 16_000))
    assert (result.text, result.confidence) == ("Hello there.", None)


async def test_stereo_at_another_rate_is_taken(tmp_path: Path) -> None:
    stereo = np.repeat(tone(1.0, rate=24_000), 2)
    sound = AudioChunk(rate=24_000, width=2, channels=2, audio=stereo.tobytes())
    async with server(tmp_path, says(AudioStart(rate=24_000, width=2, channels=2), sound, AudioStop())) as uri:
        heard = await spoken(VoiceClient(FixedEndpoint(uri), timeout=30), "hello")
    assert len(heard) == pytest.approx(48_000, abs=4)
    assert level_dbfs(heard) == pytest.approx(-20, abs=0.3)


def chunk(rate: object = 22_050, width: object = 2, channels: object = 1, audio: bytes = b"\0\0") -> Event:
    return Event("audio-chunk", {"rate": rate, "width": width, "channels": channels}, audio)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([chunk(rate=0)], "sample rate of 0"),
        ([chunk(rate=-5)], "sample rate of -5"),
        ([chunk(rate="fast")], "sample rate of fast"),
        ([chunk(rate=10**12)], "sample rate of 1000000000000"),
        ([chunk(rate=22_050), chunk(rate=16_000)], "changes from 22050 to 16000 Hz"),
        ([chunk(width=4)], "not 16-bit"),
        ([chunk(channels=6)], "6 channels"),
        ([chunk(audio=b"\0")], "whole number of samples"),
        ([Event("audio-chunk")], "sample rate of None"),
        ([Error(text="no such voice")], "refused: no such voice"),
    ],
)
async def test_sound_that_is_not_sound_is_one_clear_error(tmp_path: Path, messages: list[Event], said: str) -> None:
    async with server(tmp_path, says(*messages)) as uri:
        with pytest.raises(SpeechError, match=said) as caught:
            await spoken(VoiceClient(FixedEndpoint(uri), timeout=30), "hello")
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "closed the connection"),
        (b'{"type": "audio-chunk", "payload_length": 100}\nxx', "closed the connection"),
        (b'{"type": "audio-st', "closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not JSON"),
        (b"[1, 2]\n", "not a JSON object"),
        (b'{"data": {}}\n', "without a type"),
        (b'{"type": "x", "data": [1]}\n', "without a type"),
        (b'{"type": "x", "payload_length": 99999999999}\n', "payload_length of 99999999999"),
        (b'{"type": "x", "data_length": -1}\n', "data_length of -1"),
        (b'{"type": "x", "data_length": 2}\n[]', "not a JSON object"),
        (b"[" * 60_000 + b"\n", "not JSON"),
        (b"x" * 200_000, "does not speak Wyoming"),
    ],
)
async def test_an_answer_that_is_not_wyoming_is_one_clear_error(tmp_path: Path, data: bytes, said: str) -> None:
    async with server(tmp_path, sends(data)) as uri:
        with pytest.raises(SpeechError, match=said):
            await spoken(VoiceClient(FixedEndpoint(uri), timeout=30), "hello")


@given(data=st.binary(max_size=300) | st.text().map(lambda text: json.dumps({"type": text}).encode() + b"\n"))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_answers_never_raise_anything_else(tmp_path: Path, data: bytes) -> None:
    async def attempt() -> None:
        async with server(tmp_path, sends(data)) as uri:
            with pytest.raises(SpeechError):
                await whole(VoiceClient(FixedEndpoint(uri), timeout=30).synthesise("hello"))

    asyncio.run(attempt())


@pytest.mark.parametrize("text", [None, 5, ["a"]])
async def test_a_transcript_without_text_is_an_error(tmp_path: Path, text: object) -> None:
    async with server(tmp_path, says(Event("transcript", {"text": text}))) as uri:
        with pytest.raises(SpeechError, match="a transcript without text"):
            await RecogniserClient(FixedEndpoint(uri), timeout=30).transcribe(silence(0.5, 16_000))


async def test_a_silent_server_is_left_after_the_deadline(tmp_path: Path) -> None:
    async with server(tmp_path, says()) as uri:
        with pytest.raises(SpeechError, match=r"was silent for 0\.2 s") as caught:
            await spoken(VoiceClient(FixedEndpoint(uri), timeout=0.2), "hello")
        assert caught.value.transient

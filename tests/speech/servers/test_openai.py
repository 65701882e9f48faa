"""OpenAI's interfaces over real HTTP, and everything that a server can do wrong."""

import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media.pcm import Pcm, level_dbfs
from hullo.speech.errors import SpeechError
from hullo.speech.servers.openai import OpenAiRecogniser, OpenAiServer, OpenAiVoice
from hullo.speech.servers.wav_stream import WavStream
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.speech.openai_server import KEY, OpenAiHost, wav_file, wav_header
from tests.speech.support import silence, tone


@asynccontextmanager
async def client(host: OpenAiHost, *, key: str | None = KEY, timeout: float = 30.0) -> AsyncIterator[OpenAiServer]:
    async with host.serving() as base:
        server = OpenAiServer(base + "/", key=key, timeout=timeout)
        try:
            yield server
        finally:
            await server.close()


async def said(voice: OpenAiVoice, text: str) -> Pcm:
    async with aclosing(voice.synthesise(text)) as sound:
        return np.concatenate([piece async for piece in sound])


async def test_it_hears_what_is_fed() -> None:
    host = OpenAiHost()
    async with client(host) as server:
        recogniser = OpenAiRecogniser(server, model="m", language="de", prompt="Na?", hot_words=("Ilse", "Otto"))
        async with recogniser.session() as session:
            for _ in range(20):
                await session.feed(silence(0.1, 16_000))
            result = await session.finish()
    assert (result.text, result.language, result.confidence) == ("That was 2 seconds.", "english", None)
    assert result.seconds > 0
    asked = host.asked[0]
    assert {name: asked[name] for name in asked if name != "file"} == {
        "model": "m",
        "language": "de",
        "prompt": "Na? Ilse, Otto",
        "response_format": "json",
    }


async def test_what_is_given_up_is_never_sent() -> None:
    host = OpenAiHost()
    async with client(host) as server, OpenAiRecogniser(server).session() as session:
        await session.feed(silence(1.0, 16_000))
    assert host.asked == []


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
async def test_it_speaks_at_the_rate_that_the_sound_says_it_has(rate: int) -> None:
    host = OpenAiHost(rate=rate)
    async with client(host) as server:
        sound = await said(OpenAiVoice(server, voice="v", model="m", speed=1.5), "Four words of sound.")
    assert len(sound) == pytest.approx(48_000, abs=50)
    assert level_dbfs(sound) == pytest.approx(-20, abs=1)
    assert np.argmax(np.abs(np.fft.rfft(sound))) == pytest.approx(440, abs=2)
    assert host.asked == [
        {"model": "m", "voice": "v", "response_format": "wav", "speed": 1.5, "input": "Four words of sound."}
    ]


async def test_a_text_in_pieces_is_said_sentence_by_sentence() -> None:
    async def pieces() -> AsyncIterator[str]:
        for piece in ("One. Tw", "o and a ha", "lf."):
            yield piece

    host = OpenAiHost()
    async with client(host) as server, aclosing(OpenAiVoice(server).stream(pieces())) as stream:
        sound = np.concatenate([piece async for piece in stream])
    assert [one["input"] for one in host.asked] == ["One.", "Two and a half."]
    assert len(sound) == pytest.approx(5 * 12_000, abs=50)


@pytest.mark.parametrize(
    ("trouble", "words", "transient"),
    [
        ("hang", r"silent for 0\.3 s", True),
        ("429", "refused with status 429: too many of you", True),
        ("503", "refused with status 503", True),
        ("400", "refused with status 400: too many of you", False),
        ("elsewhere", "refused with status 307", False),
        ("garbage", "does not answer like OpenAI's", False),
    ],
)
async def test_each_way_to_go_wrong_is_one_clear_error(trouble: str, words: str, transient: bool) -> None:
    host = OpenAiHost(trouble=trouble)
    async with client(host, timeout=0.3 if trouble == "hang" else 30.0) as server:
        with pytest.raises(SpeechError, match=words) as of_recogniser:
            await OpenAiRecogniser(server).transcribe(silence(1.0, 16_000))
        with pytest.raises(SpeechError, match=words) as of_voice:
            await said(OpenAiVoice(server), "Hello.")
    assert of_recogniser.value.transient == of_voice.value.transient == transient


async def test_an_answer_that_nobody_can_parse_is_an_error_like_others() -> None:
    async with client(OpenAiHost(trouble="too deep")) as server:
        with pytest.raises(SpeechError, match="does not answer like OpenAI's: a transcription without text"):
            await OpenAiRecogniser(server).transcribe(silence(1.0, 16_000))


async def test_sound_that_breaks_off_is_an_error_after_what_came() -> None:
    async with client(OpenAiHost(trouble="break off")) as server:
        with pytest.raises(SpeechError, match=r"broke off in the middle") as caught:
            await said(OpenAiVoice(server), "This breaks off in the middle.")
    assert caught.value.transient


async def test_a_server_that_is_not_there() -> None:
    server = OpenAiServer("http://127.0.0.1:1/v1", key=KEY, timeout=30)
    with pytest.raises(SpeechError, match=r"No answer from http://127.0.0.1:1/v1 \(Cannot connect") as caught:
        await OpenAiRecogniser(server).transcribe(silence(1.0, 16_000))
    await server.close()
    assert caught.value.transient
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [None, "sk-wrong"])
async def test_a_key_that_is_refused_is_not_repeated(key: str | None) -> None:
    async with client(OpenAiHost(), key=key) as server:
        with pytest.raises(SpeechError, match="does not accept the api key") as caught:
            await OpenAiRecogniser(server).transcribe(silence(1.0, 16_000))
    assert "sk-" not in str(caught.value)
    assert not caught.value.transient


async def test_settings_lead_there() -> None:
    async with OpenAiHost().serving() as base:
        settings = SpeechSettings(recogniser=base, recogniser_api_key=KEY, voice=base, voice_api_key=KEY)
        async with SpeechService(settings) as service:
            assert service.hosts == {}
            assert len(await service.synthesise("Two words.")) == pytest.approx(24_000, abs=50)
            assert service.recogniser is not None
            assert (await service.recogniser.transcribe(silence(3.0, 16_000))).text == "That was 3 seconds."


@given(cuts=st.lists(st.integers(0, 500), max_size=8), stereo=st.booleans())
def test_a_wav_file_may_arrive_in_any_pieces(cuts: list[int], stereo: bool) -> None:
    sound = tone(0.005, rate=48_000)
    data = wav_file(np.repeat(sound, 2), 48_000) if stereo else wav_file(sound, 48_000)
    data = data.replace(wav_header(48_000), wav_header(48_000, 2)) if stereo else data
    stream = WavStream()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [stream.feed(data[begin:end]) for begin, end in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate([*pieces, stream.finish()]), sound)


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: wav_header(16_000)[:36] + tail))
def test_anything_else_is_a_value_error(data: bytes) -> None:
    stream = WavStream()
    try:
        stream.feed(data)
        stream.finish()
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("old", "new"), [(b"RIFF", b"OggS"), (b"\x10\0\0\0\x01\0", b"\x10\0\0\0\x03\0"), (b"fmt ", b"junk")]
)
def test_other_formats_are_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(ValueError, match=r"WAV file|format"):
        WavStream().feed(wav_file(tone(0.1), 48_000).replace(old, new))

"""A host as any Wyoming program sees it, through the protocol package's own client."""

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping

from hullo.speech.hosting.host import EXIT_CANNOT_RUN
from hullo.speech.servers.client import VoiceClient
from tests.speech.support import spoken


async def ask(uri: str, *events: Event) -> Event:
    async with AsyncClient.from_uri(uri, connect_timeout=30, read_timeout=60) as client:
        for event in events:
            await client.write_event(event)
        answer: Event | None = await client.read_event()
    assert answer is not None
    return answer


async def test_it_describes_itself(voice_uri: str, recogniser_uri: str) -> None:
    voice = Info.from_event(await ask(voice_uri, Describe().event())).tts[0]
    assert (voice.name, voice.voices[0].name) == ("espeak", "en-us+f2")
    recogniser = Info.from_event(await ask(recogniser_uri, Describe().event())).asr[0]
    assert (recogniser.name, recogniser.models[0].languages) == ("pocketsphinx", ["en", "en-us"])


async def test_it_answers_pings(voice_uri: str) -> None:
    answer = await ask(voice_uri, Ping(text="you there?").event())
    assert (answer.type, answer.data["text"]) == ("pong", "you there?")


async def test_its_socket_is_for_its_owner_only(voice_uri: str) -> None:
    mode = Path(voice_uri.removeprefix("unix://")).stat().st_mode  # noqa: ASYNC240
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize(
    "wrong",
    [
        Event("synthesize", {}),
        Event("synthesize", {"text": 5}),
        Event("synthesize", {"text": "hello", "voice": 5}),
    ],
)
async def test_a_malformed_request_is_an_error_event_and_the_connection_goes_on(voice_uri: str, wrong: Event) -> None:
    async with AsyncClient.from_uri(voice_uri, connect_timeout=30, read_timeout=60) as client:
        await client.write_event(wrong)
        answer = await client.read_event()
        assert answer is not None
        assert answer.type == "error"
        await client.write_event(Ping().event())
        answer = await client.read_event()
        assert answer is not None
        assert answer.type == "pong"


@pytest.mark.parametrize(
    "wrong", [{}, {"rate": 1, "width": 2, "channels": 1}, {"rate": "x", "width": 2, "channels": 1}]
)
async def test_malformed_sound_is_an_error_event(recogniser_uri: str, wrong: dict[str, object]) -> None:
    assert (await ask(recogniser_uri, Event("audio-chunk", wrong, b"\0\0"))).type == "error"


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\0\n", b"[]\n", b"5\n", b'{"type": 5}\n', b"{}\n", b'{"type":"x","data_length":9}\n']
)
async def test_garbage_ends_the_connection_and_nothing_else(voice_uri: str, voice: VoiceClient, garbage: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(voice_uri.removeprefix("unix://"))
    writer.write(garbage)
    writer.write_eof()
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()
    await writer.wait_closed()
    assert len(await spoken(voice, "Still here."))


def test_a_voice_that_does_not_exist_ends_it_with_a_line_that_says_so(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "hullo.speech.hosting.host",
        "--role",
        "voice",
        "--socket",
        str(tmp_path / "socket"),
    ]
    options = tmp_path / "options.json"
    options.write_text('{"voice": "klingon!"}')
    command += ["--options", str(options)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == EXIT_CANNOT_RUN
    assert result.stdout == ""
    assert result.stderr.startswith("eSpeak NG has no voice 'klingon!'")
    assert len(result.stderr.splitlines()) == 1


def test_unsupervised_it_ends_on_sigterm_and_takes_its_socket_along(tmp_path: Path) -> None:
    socket = tmp_path / "socket"
    command = [sys.executable, "-m", "hullo.speech.hosting.host", "--role", "voice", "--socket", str(socket)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(10) == 0
    assert not socket.exists()

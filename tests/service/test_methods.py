"""Every method over a real socket, on real calls."""

import asyncio
import json
import os
import stat
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hullo.service.errors import ErrorCode
from hullo.service.rpc import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.service.socket_client import Running, SocketClient, running


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with running() as started:
        yield started


@pytest.fixture
async def client(server: Running) -> AsyncIterator[SocketClient]:
    async with await SocketClient.connect(server.path) as connected:
        yield connected


async def active_call(client: SocketClient) -> str:
    call_id = str((await client.result("call.start", {"to": "loop:ann"}))["call_id"])
    await client.until("call.connected")
    return call_id


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_call_from_start_to_hangup_is_told_under_the_names_of_the_seed(client: SocketClient) -> None:
    started = await client.result("call.start", {"to": "loop:ann"})
    assert started["status"] == "dialing"
    call_id = started["call_id"]
    assert isinstance(call_id, str)
    ringing = await client.until("call.ringing")
    connected = await client.until("call.connected")
    assert (ringing["status"], connected["status"]) == ("ringing", "active")
    assert await client.result("call.hangup", {"callId": call_id}) == {"call_id": call_id, "status": "active"}
    ended = await client.until("call.ended")
    assert (ended["status"], ended["reason"]) == ("ended", "hangup-bot")
    assert ended["duration"] > 0
    assert {ringing["call_id"], connected["call_id"], ended["call_id"]} == {call_id}
    assert ringing["seq"] < connected["seq"] < ended["seq"]


async def test_the_answer_to_a_start_comes_before_the_events_of_the_call(client: SocketClient) -> None:
    await asyncio.sleep(0)
    await client.result("health")
    await client.result("call.start", {"to": "loop:ann"})
    assert client.notifications == []


async def test_an_incoming_call_is_accepted(server: Running, client: SocketClient) -> None:
    offer = server.line.ring("bob")
    incoming = await client.until("call.incoming")
    assert (incoming["peer"], incoming["line"]) == ("bob", "loopback")
    assert (await client.result("call.accept"))["status"] == "incoming"
    await client.until("call.connected")
    offer.leg.hang_up()
    assert (await client.until("call.ended"))["reason"] == "hangup-user"


async def test_an_incoming_call_is_rejected(server: Running, client: SocketClient) -> None:
    offer = server.line.ring()
    call_id = (await client.until("call.incoming"))["call_id"]
    await client.result("call.reject", [call_id])
    assert (await client.until("call.ended"))["reason"] == "declined"
    assert offer.rejected_with is not None


async def test_the_call_need_not_be_named_while_it_is_the_only_one(client: SocketClient) -> None:
    error = await client.error("call.hangup")
    assert (error["code"], error["data"]["kind"]) == (ErrorCode.WHICH_CALL, "which-call")
    first = await active_call(client)
    assert (await client.result("call.status"))["call_id"] == first
    second = await active_call(client)
    error = await client.error("call.hangup")
    assert "2 calls are live" in error["message"]
    await client.result("call.hangup", {"call_id": first})
    await client.until("call.ended")
    assert (await client.result("call.status"))["call_id"] == second


async def test_an_ended_call_can_still_be_asked_for(client: SocketClient) -> None:
    call_id = await active_call(client)
    await client.result("call.hangup")
    await client.until("call.ended")
    status = await client.result("call.status", {"call_id": call_id})
    assert (status["status"], status["reason"]) == ("ended", "hangup-bot")
    assert [call["call_id"] for call in await client.result("call.list")] == [call_id]
    assert await client.result("call.list", {"live": True}) == []


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("call.status", {"call_id": "none"}, ErrorCode.UNKNOWN_CALL),
        ("call.start", {"to": "nowhere"}, ErrorCode.CALL_REFUSED),
        ("call.start", {"to": "loop:ann", "line": "telephone"}, ErrorCode.CALL_REFUSED),
        ("call.start", {"to": 12345}, ErrorCode.CALL_REFUSED),
        ("call.start", {}, INVALID_PARAMS),
        ("call.start", {"to": True}, INVALID_PARAMS),
        ("call.start", {"too": "loop:ann"}, INVALID_PARAMS),
        ("call.speak", {"text": ""}, INVALID_PARAMS),
        ("call.speak", {"text": "x" * 10_001}, INVALID_PARAMS),
        ("call.speak", {"text": "more", "append": True}, INVALID_PARAMS),
        ("call.speak", {"text": "more", "stream_id": ""}, INVALID_PARAMS),
        ("call.begin", {}, METHOD_NOT_FOUND),
        ("call.list", {"a": 1}, INVALID_PARAMS),
    ],
)
async def test_a_request_that_makes_no_sense(client: SocketClient, method: str, params: Any, code: int) -> None:
    assert (await client.error(method, params))["code"] == code


async def test_a_call_of_our_own_is_not_ours_to_accept_or_reject(client: SocketClient) -> None:
    await client.result("call.start", {"to": "loop:nobody"})
    assert (await client.error("call.accept"))["code"] == ErrorCode.WRONG_STATE
    assert (await client.error("call.reject"))["code"] == ErrorCode.WRONG_STATE


async def test_too_many_calls_are_refused_with_what_to_do() -> None:
    async with running(calls=1) as server, await SocketClient.connect(server.path) as client:
        await active_call(client)
        error = await client.error("call.start", {"to": "loop:bob"})
        assert error["code"] == ErrorCode.CALL_REFUSED
        assert "max_calls" in error["data"]["hint"]


async def test_without_speech_nothing_is_spoken(client: SocketClient) -> None:
    await active_call(client)
    assert (await client.error("call.speak", {"text": "hello"}))["code"] == ErrorCode.NO_SPEECH
    assert (await client.error("speech.prepare", {"texts": ["hello"]}))["code"] == ErrorCode.NO_SPEECH
    assert (await client.error("call.interrupt"))["code"] == ErrorCode.NO_SPEECH


async def test_mute(server: Running, client: SocketClient) -> None:
    call_id = await active_call(client)
    assert await client.result("call.mute", {"muted": True}) == {"call_id": call_id, "muted": True}
    assert server.line.legs[0].muted
    assert (await client.result("call.status"))["muted"]
    await client.result("call.mute", [False])
    assert not server.line.legs[0].muted


async def test_a_recording_is_begun_and_finished(client: SocketClient, tmp_path: Path) -> None:
    call_id = await active_call(client)
    path = tmp_path / "call.wav"
    transcript = tmp_path / "call.vtt"
    assert await client.result("call.record", {"path": str(path), "transcript": str(transcript)}) == {
        "call_id": call_id,
        "path": str(path),
        "recording": True,
    }
    assert (await client.error("call.record", {"path": str(path)}))["code"] == ErrorCode.WRONG_STATE
    assert (await client.result("call.status"))["recording"] == str(path)
    assert (await client.result("call.record", {"stop": True}))["recording"] is False
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
    assert transcript.read_text().startswith("WEBVTT\n\n")
    assert (await client.error("call.record", {"stop": True}))["code"] == ErrorCode.WRONG_STATE


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"path": "/tmp/x.mp3"},
        {"stop": True, "transcript": "/tmp/x.vtt"},
        {"path": "/tmp/x.wav", "stop": True},
        {"path": "x.wav"},
        {"path": "/a\0b"},
    ],
)
async def test_a_recording_needs_an_absolute_path_or_a_stop(client: SocketClient, params: Any) -> None:
    await active_call(client)
    assert (await client.error("call.record", params))["code"] == INVALID_PARAMS


async def test_a_recording_that_can_not_be_written(client: SocketClient, tmp_path: Path) -> None:
    await active_call(client)
    error = await client.error("call.record", {"path": str(tmp_path / "none" / "call.wav")})
    assert error["code"] == ErrorCode.FILE_FAILED
    assert "No such file" in error["message"]


async def test_a_pipe_that_nobody_reads_is_no_file_to_record_into(client: SocketClient, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    await active_call(client)
    assert (await client.error("call.record", {"path": str(tmp_path / "pipe")}))["code"] == ErrorCode.FILE_FAILED


async def test_a_mistake_of_ours_costs_one_request(
    server: Running, client: SocketClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.line.name = object()  # type: ignore[assignment]
    error = await client.error("line.list")
    assert (error["code"], error["message"]) == (INTERNAL_ERROR, "line.list: internal error")
    assert "line.list failed" in caplog.text
    assert await client.result("call.list") == []


async def test_lines_and_health(server: Running, client: SocketClient) -> None:
    assert (await client.result("line.list"))[0]["name"] == "loopback"
    healthy = await client.result("health")
    assert (healthy["status"], healthy["clients"], healthy["live_calls"]) == ("ok", 1, 0)
    server.line.ready = False
    assert (await client.result("health"))["status"] == "degraded"


async def test_a_batch_is_answered_as_one_in_order_and_notifications_not_at_all(client: SocketClient) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "call.start", "params": {"to": "loop:nobody"}},
        {"jsonrpc": "2.0", "method": "call.hangup"},
        {"jsonrpc": "2.0", "method": "no.such"},
        {"jsonrpc": "2.0", "id": "two", "method": "no.such"},
        7,
    ]
    await client.send(json.dumps(batch).encode())
    answers = await client.receive()
    assert [answer["id"] for answer in answers] == [1, "two", None]
    assert (await client.until("call.ended"))["reason"] == "hangup-bot"
    await client.send(b'[{"jsonrpc":"2.0","method":"health"}]')
    await client.send(b'{"jsonrpc":"2.0","method":"no.such"}')
    assert (await client.request("health"))["id"] == 1


async def test_each_call_may_be_heard_in_its_own_way() -> None:
    async with (
        SpeechService(SpeechSettings(voice=None)) as speech,
        running(speech=speech) as server,
        await SocketClient.connect(server.path) as client,
    ):
        call = await client.result("call.start", {"to": "loop:ann", "endpointing": "fixed", "end_pause": 0.4})
        await client.until("call.connected")
        as_asked = {**call, "endpointing": "fixed", "end_pause": 0.4, "noise_suppression": False}
        del as_asked["status"]
        assert await client.result("call.configure") == as_asked
        changed = await client.result("call.configure", {"endpointing": "words"})
        assert (changed["endpointing"], changed["end_pause"]) == ("words", None)
        refused = await client.error("call.configure", {"end_pause": 0.4})
        assert refused["code"] == ErrorCode.HEARING_FAILED
        assert "is for endpointing 'fixed'" in refused["message"]
        refused = await client.error("call.start", {"to": "loop:bob", "endpointing": "clever"})
        assert "there is fixed, adaptive, words" in refused["message"]
        assert len(await client.result("call.list")) == 1
        await client.result("call.hangup")
        await client.until("call.ended")
        server.line.ring("eve")
        await client.until("call.incoming")
        await client.result("call.accept", {"endpointing": "words"})
        assert (await client.result("call.configure"))["endpointing"] == "words"


async def test_speech_is_spoken_played_and_interrupted(tmp_path: Path) -> None:
    async with (
        SpeechService(SpeechSettings()) as speech,
        running(speech=speech) as server,
        await SocketClient.connect(server.path) as client,
    ):
        call_id = await active_call(client)
        said = await client.result("call.speak", {"text": "Hello there."})
        speaking = await client.until("call.speaking")
        assert (said["call_id"], speaking["utterance_id"]) == (call_id, said["utterance_id"])
        assert (await client.until("call.spoken"))["text"] == "Hello there."
        assert server.line.legs[0].frames_sent > 20

        assert await client.result("speech.prepare", {"texts": ["Good morning.", ""]}) == {"prepared": 2}
        assert await client.result("call.interruptible", {"enabled": False}) == {"call_id": call_id, "enabled": False}
        stream = {"stream_id": "answer"}
        begun = await client.result("call.speak", {"text": "One sentence. And", **stream})
        await client.until("call.speaking")
        more = await client.result("call.speak", {"text": " another one.", "append": True, "end": True, **stream})
        assert (more["utterance_id"], more["stream"]) == (begun["utterance_id"], "ended")
        assert (await client.until("call.spoken"))["heard_text"] == "One sentence. And another one."
        late = await client.result("call.speak", {"text": "Late.", "append": True, **stream})
        assert (late["accepted"], late["stream"]) == (False, "ended")
        unknown = await client.error("call.speak", {"text": "More.", "append": True, "stream_id": "other"})
        assert unknown["code"] == ErrorCode.SPEECH_FAILED

        missing = await client.error("call.play", {"path": str(tmp_path / "none.wav")})
        assert missing["code"] == ErrorCode.SPEECH_FAILED
        path = tmp_path / "tone.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(16_000 * 20))
        played = await client.result("call.play", [str(path)])
        await client.until("call.speaking")
        await client.result("call.interrupt")
        interrupted = await client.until("call.interrupted")
        assert interrupted["utterance_id"] == played["utterance_id"]
        assert interrupted["heard_ms"] < 19_000
        assert (await client.result("health"))["speech"] == {"recogniser": "running", "voice": "running"}


async def test_without_engines_files_are_played_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\1\1" * 4000)
    async with (
        SpeechService(SpeechSettings(recogniser=None, voice=None)) as speech,
        running(speech=speech) as server,
        await SocketClient.connect(server.path) as client,
    ):
        await active_call(client)
        await client.result("call.play", {"path": str(path)})
        assert (await client.until("call.spoken"))["heard_ms"] == 500
        refused = await client.error("call.speak", {"text": "Hello."})
        assert refused["code"] == ErrorCode.NO_SPEECH


async def test_the_socket_is_for_its_owner_only(server: Running) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600


async def test_two_calls_are_bridged_and_end_together(server: Running, client: SocketClient) -> None:
    one, other = await active_call(client), await active_call(client)
    bridged = await client.result("call.bridge", {"call_id": one, "other_id": other})
    assert bridged == {"call_id": one, "bridged_to": other}
    assert [(await client.until("call.bridged"))["to"] for _ in range(2)] == [other, one]
    assert (await client.result("call.status", {"call_id": other}))["bridged_to"] == one
    unknown = await client.error("call.bridge", {"call_id": one, "other_id": "nobody"})
    assert unknown["code"] == ErrorCode.UNKNOWN_CALL
    assert (await client.error("call.listen", {"call_id": one, "enabled": True}))["code"] == ErrorCode.NO_SPEECH
    server.line.legs[0].hang_up()
    assert [(await client.until("call.ended"))["call_id"] for _ in range(2)] == [one, other]


async def test_the_report_of_a_call_can_be_had_when_it_is_over(client: SocketClient) -> None:
    call_id = await active_call(client)
    assert (await client.error("call.report"))["code"] == ErrorCode.WRONG_STATE
    await client.result("call.hangup")
    ended = await client.until("call.ended")
    assert await client.result("call.report", {"call_id": call_id}) == ended["report"]

"""Microphone and speaker over a real socket, on devices that hear silence and play to nobody, in real time."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hullo.audio.devices.devices import Devices
from hullo.service.errors import ErrorCode
from hullo.service.rpc import INVALID_PARAMS
from tests.service.socket_client import Json, Running, SocketClient, running
from tests.service.test_methods import active_call
from tests.service.test_openrpc import METHOD_DOCS, validate


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audio.json"


@pytest.fixture
async def server(memory: Path) -> AsyncIterator[Running]:
    async with running(devices=Devices("null", memory=memory)) as started:
        yield started


@pytest.fixture
async def client(server: Running) -> AsyncIterator[SocketClient]:
    async with await SocketClient.connect(server.path) as connected:
        yield connected


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def remembered(memory: Path) -> Json:
    return dict(json.loads(memory.read_text()))


async def asked(client: SocketClient, method: str, params: Json | None = None) -> Json:
    """The result, which is as `rpc.discover` describes it."""
    result = await client.result(method, params)
    validate(result, METHOD_DOCS[method]["result"]["schema"])
    return dict(result)


async def test_devices_are_listed_and_a_choice_is_remembered(client: SocketClient, memory: Path) -> None:
    listed = await asked(client, "audio.devices")
    (microphone,) = listed["microphones"]
    assert microphone["kind"] == "microphone"
    assert listed["chosen"] == {"microphone": None, "speaker": None}
    chosen = await asked(client, "audio.choose", {"microphone": "capture"})
    assert chosen["chosen"] == {"microphone": microphone["id"], "speaker": None}
    assert remembered(memory)["microphone"]["device"] == microphone["id"]
    assert stat.S_IMODE(os.stat(memory).st_mode) == 0o600
    forgotten = await asked(client, "audio.choose", {"microphone": "default"})
    assert forgotten["chosen"]["microphone"] is None


async def test_a_device_that_is_not_there_is_refused_in_one_line(client: SocketClient) -> None:
    error = await client.error("audio.choose", {"speaker": "Headset"})
    assert error["code"] == ErrorCode.DEVICE_FAILED
    assert error["message"] == "no speaker is called 'Headset'; there is 'NULL Playback Device'"


async def test_a_call_gets_the_handset_and_what_the_microphone_hears_is_sent(
    server: Running, client: SocketClient
) -> None:
    call_id = await active_call(client)
    result = await asked(client, "call.handset", {"call_id": call_id})
    assert result["audio"]["microphone"]["state"] == result["audio"]["speaker"]["state"] == "open"
    assert (await client.until("call.bridged"))["to"] == "handset"
    leg = server.line.legs[-1]
    await until(lambda: leg.frames_sent > 10)
    await asked(client, "call.handset", {"on": False})
    assert (await client.until("call.bridged"))["to"] is None
    assert (await asked(client, "audio.status"))["microphone"]["state"] == "closed"
    sent = leg.frames_sent
    await asyncio.sleep(0.1)
    assert leg.frames_sent <= sent + 1


async def test_the_handset_is_on_one_call_at_a_time_and_put_down_with_it(client: SocketClient) -> None:
    first, second = await active_call(client), await active_call(client)
    await asked(client, "call.handset", {"call_id": first})
    await asked(client, "call.handset", {"call_id": second})
    assert (await asked(client, "call.status", {"call_id": first}))["bridged_to"] is None
    assert (await asked(client, "audio.status"))["call_id"] == second
    await client.result("call.hangup", {"call_id": second})
    await client.until("call.ended")
    async with asyncio.timeout(30):
        while (await asked(client, "audio.status"))["microphone"]["state"] != "closed":
            await asyncio.sleep(0.02)
    assert (await asked(client, "audio.status"))["call_id"] is None


async def test_with_push_to_talk_nothing_is_sent_while_the_key_is_up(server: Running, client: SocketClient) -> None:
    await active_call(client)
    assert (await asked(client, "audio.configure", {"push_to_talk": True}))["push_to_talk"]
    await asked(client, "call.handset")
    leg = server.line.legs[-1]
    await asyncio.sleep(0.2)
    assert leg.frames_sent == 0
    assert await asked(client, "audio.talk", {"pressed": True}) == {"talking": True}
    await until(lambda: leg.frames_sent > 5)
    assert await asked(client, "audio.talk", {"pressed": False}) == {"talking": False}
    sent = leg.frames_sent
    await asyncio.sleep(0.1)
    assert leg.frames_sent <= sent + 1


async def test_volumes_are_set_and_remembered(client: SocketClient, memory: Path) -> None:
    status = await asked(client, "audio.configure", {"speaker_volume": 0.5, "echo_cancellation": False})
    assert status["speaker"]["volume"] == 0.5
    assert remembered(memory)["speaker"]["volume"] == 0.5
    assert (await client.error("audio.configure", {"speaker_volume": 9}))["code"] == INVALID_PARAMS


async def test_levels_are_told_only_while_somebody_asks(client: SocketClient) -> None:
    await asked(client, "audio.levels", {"seconds": 30})
    await client.until("audio.levels")
    await client.until("audio.levels")
    await asked(client, "audio.levels", {"seconds": 0.1})
    await asyncio.sleep(0.3)
    await client.result("health")
    client.notifications.clear()
    await asyncio.sleep(0.25)
    await client.result("health")
    assert "audio.levels" not in [told["method"] for told in client.notifications]


@pytest.mark.parametrize("device", ["microphone", "speaker"])
async def test_a_device_is_tested_without_a_call(client: SocketClient, device: str) -> None:
    result = await asked(client, "audio.test", {"device": device, "seconds": 0.5})
    assert result["device"]["kind"] == device
    if device == "microphone":
        await client.until("audio.levels")


async def test_however_often_a_device_is_tested_it_is_open_once() -> None:
    devices = Devices("null")
    async with running(devices=devices) as server, await SocketClient.connect(server.path) as client:
        for device in ("microphone", "speaker") * 3:
            await asked(client, "audio.test", {"device": device, "seconds": 60})
        assert len(devices._keepers) == 2


async def test_a_daemon_without_sound_says_so() -> None:
    async with running() as server, await SocketClient.connect(server.path) as client:
        assert (await client.error("audio.devices"))["code"] == ErrorCode.NO_AUDIO
        await active_call(client)
        error = await client.error("call.handset")
        assert error["message"] == "this daemon uses no microphone and no speaker: [audio] enabled is false"


async def test_a_backend_that_is_not_there_is_named() -> None:
    async with running(devices=Devices("none")) as server, await SocketClient.connect(server.path) as client:
        error = await client.error("audio.devices")
        assert error["code"] == ErrorCode.NO_AUDIO
        assert "miniaudio" in error["message"]

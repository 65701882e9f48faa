"""Voice messages by microphone and speaker over a real socket, on devices that hear silence, in real time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hullo.audio.devices.devices import Devices
from hullo.messages.messenger import Messenger
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.store import MessageStore
from hullo.service.errors import ErrorCode
from tests.service.socket_client import SocketClient, running
from tests.service.test_audio_methods import asked


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[SocketClient]:
    store, options = MessageStore(tmp_path / "messages"), RecorderOptions(max_seconds=2)
    async with (
        running(
            devices=Devices("null", memory=tmp_path / "audio.json"),
            messages=lambda board: Messenger(store, lambda event: None, options=options),
        ) as server,
        await SocketClient.connect(server.path) as connected,
    ):
        yield connected


async def recorded(client: SocketClient, seconds: float) -> dict[str, Any]:
    """A message of about that length."""
    recording = await asked(client, "message.record")
    while (told := await client.until("message.recording"))["elapsed"] < seconds:
        assert (told["recording_id"], told["state"]) == (recording["recording_id"], "recording")
    return await asked(client, "message.finish")


async def test_a_message_is_recorded_played_and_counts_as_heard_then(client: SocketClient) -> None:
    message = await recorded(client, 0.4)
    assert message["direction"] == "recorded"
    assert message["duration"] >= 0.4
    assert [one["message_id"] for one in await client.result("message.list")] == [message["message_id"]]
    await asked(client, "message.play", {"message_id": message["message_id"]})
    assert (await client.until("message.playing"))["duration"] >= 0.4
    played = await client.until("message.played")
    assert (played["message_id"], played["to_the_end"]) == (message["message_id"], True)
    assert (await client.result("message.list"))[0]["heard"]


async def test_a_message_that_is_stopped_is_not_heard_yet(client: SocketClient) -> None:
    message = await recorded(client, 0.4)
    await client.result("message.play", {"message_id": message["message_id"], "speed": 0.5})
    await client.until("message.playing")
    assert await asked(client, "message.stop") == {"stopped": True}
    assert (await client.until("message.played"))["to_the_end"] is False
    assert await asked(client, "message.stop") == {"stopped": False}


async def test_the_one_that_plays_gives_way_to_the_next(client: SocketClient) -> None:
    first, second = await recorded(client, 0.4), await recorded(client, 0.4)
    await client.result("message.play", {"message_id": first["message_id"], "speed": 0.5})
    await client.result("message.play", {"message_id": second["message_id"], "speed": 2.0})
    ends = [await client.until("message.played") for _ in range(2)]
    assert [(end["message_id"], end["to_the_end"]) for end in ends] == [
        (first["message_id"], False),
        (second["message_id"], True),
    ]


async def test_a_discarded_recording_leaves_nothing(client: SocketClient, tmp_path: Path) -> None:
    await client.result("message.record")
    assert await client.result("message.finish", {"discard": True}) is None
    assert await client.result("message.list") == []
    assert not [*(tmp_path / "messages").glob("*.opus")]


async def test_what_makes_no_sense_is_refused(client: SocketClient) -> None:
    failed = ErrorCode.MESSAGE_FAILED
    assert (await client.error("message.finish"))["code"] == failed
    assert (await client.error("message.play", {"message_id": "unknown"}))["code"] == failed
    await client.result("message.record")
    assert "already" in (await client.error("message.record"))["message"]


async def test_a_file_that_is_damaged_is_told_when_it_is_played(client: SocketClient) -> None:
    message = await recorded(client, 0.4)
    await asyncio.to_thread(Path(message["path"]).write_bytes, b"OggS is not enough")
    error = await client.error("message.play", {"message_id": message["message_id"]})
    assert error["code"] == ErrorCode.MESSAGE_FAILED


async def test_without_devices_there_is_one_clear_error(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "messages")
    async with (
        running(messages=lambda board: Messenger(store, lambda event: None)) as server,
        await SocketClient.connect(server.path) as client,
    ):
        assert (await client.error("message.record"))["code"] == ErrorCode.NO_AUDIO


async def test_a_recording_that_the_daemon_ends_in_is_kept(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "messages")
    async with (
        running(
            devices=Devices("null", memory=tmp_path / "audio.json"),
            messages=lambda board: Messenger(store, lambda event: None),
        ) as server,
        await SocketClient.connect(server.path) as client,
    ):
        await client.result("message.record")
        while (await client.until("message.recording"))["elapsed"] < 0.4:
            pass
    assert [message.metadata is not None for message in store.messages()] == [True]

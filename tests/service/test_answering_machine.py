"""Voicemail on a line of the process: greeting, beep, message, and who gets the call if somebody comes."""

import contextlib
import os
import resource
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from hullo.call.message_news import tell
from hullo.call.patch import Patch
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.media.pcm import FRAME_SAMPLES, Pcm
from hullo.messages.messenger import Messenger
from hullo.messages.settings import VoicemailConfig
from hullo.messages.store import MessageStore
from hullo.service.answering_machine import AnsweringMachine
from hullo.service.config import load_config
from hullo.service.config_errors import ConfigError
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.messages import posting
from tests.messages.sounds import quiet, sweep
from tests.rtc.test_connection import until
from tests.service.socket_client import Running, SocketClient, running
from tests.service.test_message_methods import tone


class Home:
    """A daemon with an answering machine, its gateway, and the folder of messages."""

    def __init__(self, server: Running, client: SocketClient, store: MessageStore) -> None:
        self.server = server
        self.client = client
        self.store = store


@contextlib.asynccontextmanager
async def home(
    folder: Path, after_seconds: float = 0.2, silence_seconds: float = 1.0, messages: Path | None = None
) -> AsyncIterator[Home]:
    """It answers after 0.2 s, says a fifth of a second, and hangs up after a second of silence."""
    greeting = tone(folder / "greeting.wav", 0.2)
    config = VoicemailConfig(
        enabled=True, greeting_file=greeting, after_seconds=after_seconds, silence_seconds=silence_seconds
    )
    boards: list[Switchboard] = []
    store = MessageStore(messages or folder / "messages")
    messenger = Messenger(store, lambda event: tell(boards[0], event))

    def messenger_for(board: Switchboard) -> Messenger:
        boards.append(board)
        return messenger

    async with (
        SpeechService(SpeechSettings(recogniser=None, voice=None)) as speech,  # only plays files
        running(speech=speech, messages=messenger_for) as server,
        posting.running(AnsweringMachine(server.board, messenger, config).run()),
        await SocketClient.connect(server.path) as client,
    ):
        await client.result("health")  # from now on it is told of everything
        yield Home(server, client, store)


def frames(pcm: Pcm) -> Iterator[Pcm]:
    """Sound in frames of 20 ms."""
    return iter(pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES))


async def test_who_is_not_answered_leaves_a_message(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        began = time.monotonic()
        offer = here.server.line.ring("bob")
        call_id = (await here.client.until("call.incoming"))["call_id"]
        assert (await here.client.until("call.bridged"))["to"] == "voicemail"
        await here.client.until("call.connected")
        assert time.monotonic() - began > 0.2
        await here.client.until("call.spoken")
        offer.leg.peer_says = frames(np.concatenate([quiet(0.5), sweep(2.0)]))
        came = await here.client.until("message.received")
        message = came["message"]
        assert (came["line"], came["peer"], message["left_in_call"]) == ("loopback", "bob", call_id)
        assert message["direction"] == "received"
        assert not message["heard"]
        assert 1.9 < message["duration"] < 2.7  # the silence at its ends is left out
        ended = await here.client.until("call.ended")
        assert (ended["reason"], ended["detail"]) == ("completed", "the answering machine has taken a message")
        assert offer.leg.frames_sent > 25  # the greeting and the beep


async def test_who_hangs_up_early_leaves_what_was_said_and_who_says_nothing_leaves_nothing(tmp_path: Path) -> None:
    async with home(tmp_path, silence_seconds=5.0) as here:
        offer = here.server.line.ring("bob")
        offer.leg.peer_says = frames(sweep(20.0))
        await here.client.until("call.connected")
        await until(lambda: any(one.path.stat().st_size > 4000 for one in here.store.messages()))
        offer.leg.hang_up()
        came = await here.client.until("message.received")
        assert came["message"]["duration"] > 0.6
    async with home(tmp_path) as here:
        here.server.line.ring("bob")
        assert (await here.client.until("call.ended"))["detail"] == "nothing was said to the answering machine"
        await until(lambda: len(here.store.messages()) == 1)  # the one of before
        assert "message.received" not in [one["method"] for one in here.client.notifications]


async def test_without_room_for_a_message_nobody_is_asked_for_one(tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    folder.mkdir(mode=0o500)
    folder = folder if os.getuid() else Path("/sys/kernel")  # where root can't write either
    async with home(tmp_path, messages=folder) as here:
        offer = here.server.line.ring("bob")
        error = await here.client.until("call.error")
        assert error["component"] == "voicemail"
        assert f"{folder}/" in error["error"]
        assert "can't be made" in error["error"]
        call = here.server.board.call(error["call_id"])
        assert call.state is CallState.INCOMING  # it rings on: somebody may still come
        call.accept()
        await here.client.until("call.connected")
        offer.leg.hang_up()


async def test_a_disk_that_gets_full_costs_the_rest_of_the_message(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with home(tmp_path, silence_seconds=5.0) as here:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
        try:
            offer = here.server.line.ring("bob")
            offer.leg.peer_says = frames(sweep(20.0))
            came = await here.client.until("message.received")
            ended = await here.client.until("call.ended")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert came["message"]["duration"] > 0.6
    assert "could not be recorded to its end: file too large" in came["message"]["problem"]
    assert (ended["reason"], ended["detail"]) == ("error", "the answering machine could not keep the message")


async def test_a_greeting_that_can_not_be_played_is_left_out(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        (tmp_path / "greeting.wav").write_text("a letter")
        offer = here.server.line.ring("bob")
        assert "greeting.wav" in (await here.client.until("call.error"))["error"]
        offer.leg.peer_says = frames(np.concatenate([quiet(0.5), sweep(1.0)]))
        assert (await here.client.until("message.received"))["message"]["duration"] > 0.6


async def test_a_greeting_that_is_cut_short_is_followed_by_the_message(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        tone(tmp_path / "greeting.wav", 30.0)
        offer = here.server.line.ring("bob")
        call_id = (await here.client.until("call.speaking"))["call_id"]
        await here.client.result("call.interrupt", {"call_id": call_id})
        offer.leg.peer_says = frames(np.concatenate([quiet(0.5), sweep(1.0)]))
        assert (await here.client.until("message.received"))["message"]["duration"] > 0.6


async def test_a_call_that_is_answered_or_given_up_is_left_alone(tmp_path: Path) -> None:
    async with home(tmp_path, after_seconds=0.3) as here:
        here.server.line.ring("bob")
        call_id = (await here.client.until("call.incoming"))["call_id"]
        await here.client.result("call.accept", {"call_id": call_id})
        await here.client.until("call.connected")
        offer = here.server.line.ring("carol")
        gone = (await here.client.until("call.incoming"))["call_id"]
        await here.client.result("call.reject", {"call_id": gone})
        await until(lambda: offer.rejected_with is not None)
        late = here.server.line.ring("dave")
        await here.client.until("call.bridged")
        late.leg.hang_up()
        status = await here.client.result("call.status", {"call_id": call_id})
        assert (status["status"], status["bridged_to"]) == ("active", None)


async def test_somebody_who_comes_takes_the_call_over_and_what_was_said_is_kept(tmp_path: Path) -> None:
    async with home(tmp_path, silence_seconds=5.0) as here:
        offer = here.server.line.ring("bob")
        offer.leg.peer_says = frames(sweep(20.0))
        call = here.server.board.call((await here.client.until("call.incoming"))["call_id"])
        await until(lambda: any(one.path.stat().st_size > 4000 for one in here.store.messages()))
        call.connect(
            Patch(to="handset", ear=lambda pcm, now: None, mouth=lambda now: None, released=lambda ended: None)
        )
        await here.client.until("message.received")
        assert call.state is CallState.ACTIVE
        assert call.bridged_to == "handset"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[voicemail]\nenabled = true\nafter_seconds = 60\n", "less than"),
        ("[voicemail]\nenabled = true\n[messages]\nenabled = false\n", "turn [messages] on"),
        ("[voicemail]\nenabled = true\n[speech]\nenabled = false\n", "needs a voice"),
        ('[voicemail]\ngreeting = "hi"\ngreeting_file = "/x.wav"\n', "keep one of them"),
    ],
)
def test_what_can_not_work_is_said_before_anybody_calls(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "hullo.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert words in str(refused.value.problems)

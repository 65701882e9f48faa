"""Voice notes between two accounts at the loopback Telegram, with either library at either end."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.opening import Library
from hullo.lines.telegram.account.safety import CallSafety, SafetyRules
from hullo.lines.telegram.account.voice_note import PART
from hullo.messages.events import Came, MessageEvent, NotReceived, Received
from hullo.messages.making import message_of_sound
from hullo.messages.metadata import Delivery, Direction
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.store import MessageStore, StoredMessage
from hullo.messages.telegram_courier import TelegramCourier
from tests.lines.telegram.account.loopback import ANNA, BERT, CLEO, Running, logged_in, loopback, running
from tests.messages import posting
from tests.messages.sounds import sweep

LONG = 60.0
"""Seconds of a note that goes in more than one part."""


class Person:
    """An account with a courier and a folder."""

    def __init__(self, here: Running, folder: Path) -> None:
        self.store = MessageStore(folder)
        self.events: list[MessageEvent] = []
        self.here = here
        safety = CallSafety(SafetyRules())
        self.courier = TelegramCourier(
            here.account, lambda user: safety.refuse_incoming(user, 0.0), self.store, self.events.append
        )

    async def send(self, to: str, seconds: float = 2.0) -> StoredMessage:
        """Send a note."""
        message = message_of_sound(
            self.store,
            [sweep(seconds)],
            datetime.now(UTC),
            RecorderOptions(),
            "a sweep",
            direction=Direction.SENT,
            line="telegram",
            peer=to,
            delivery=Delivery.SENDING,
        )
        await self.courier.send(message)
        return message

    async def event(self, number: int = 1) -> MessageEvent:
        """The n-th thing that happened."""
        await self.here.until(lambda: len(self.events) >= number)
        return self.events[number - 1]


@contextlib.asynccontextmanager
async def person(server: LoopbackTelegram, library: Library, user: int, folder: Path) -> AsyncIterator[Person]:
    """Somebody who is online, until the end of the block; a second time as they were left."""
    async with running(server, library, logged_in(server, user, folder)) as here:
        found = Person(here, folder / str(user))
        async with posting.running(found.courier.run()):
            yield found


@pytest.mark.parametrize(("one", "other"), [("kurigram", "telethon"), ("telethon", "kurigram")])
async def test_a_note_is_sent_fetched_and_heard(one: Library, other: Library, tmp_path: Path) -> None:
    async with (
        loopback() as server,
        person(server, one, ANNA, tmp_path) as anna,
        person(server, other, BERT, tmp_path) as bert,
    ):
        message = await anna.send("@bert", LONG)
        assert message.path.stat().st_size > PART
        came = await bert.event()
        assert isinstance(came, Received)
        known = came.message.metadata
        assert known is not None
        assert message.metadata is not None
        assert came.message.path.read_bytes() == message.path.read_bytes()
        assert (known.peer, known.line, known.direction) == ("@anna", "telegram", Direction.RECEIVED)
        assert known.duration == message.metadata.duration
        assert known.waveform == message.metadata.waveform
        sent = await anna.event()
        assert isinstance(sent, Came)
        assert sent.delivery is Delivery.SENT
        bert.courier.heard(came.message)
        heard = await anna.event(2)
        assert isinstance(heard, Came)
        assert heard.delivery is Delivery.HEARD
        await bert.send("@anna")
        back = await anna.event(3)
        assert isinstance(back, Received)


async def test_a_note_that_comes_while_the_connection_is_lost_is_fetched_once(tmp_path: Path) -> None:
    async with (
        loopback() as server,
        person(server, "kurigram", ANNA, tmp_path) as anna,
        person(server, "kurigram", BERT, tmp_path) as bert,
    ):
        server.kick(BERT)
        for _ in range(2):
            await anna.send("@bert")
        await bert.event(2)
        server.kick(BERT)
        await bert.here.offline()
        await bert.here.online()
        await anna.send("@bert")
        await bert.event(3)
        assert len(bert.store.messages()) == 3
        assert all(isinstance(event, Received) for event in bert.events)


async def test_an_answer_that_is_lost_sends_nothing_twice(tmp_path: Path) -> None:
    async with (
        loopback() as server,
        person(server, "kurigram", ANNA, tmp_path) as anna,
        person(server, "kurigram", BERT, tmp_path) as bert,
    ):
        server.faults.lose_answer("messages.sendMedia")
        await anna.send("@bert")
        sent = await anna.event()
        assert isinstance(sent, Came)
        assert sent.delivery is Delivery.SENT
        await bert.event()
        assert len(server.world.files.sent) == 1


async def test_notes_of_strangers_are_left_to_the_apps_and_nobody_is_a_clear_error(tmp_path: Path) -> None:
    async with (
        loopback() as server,
        person(server, "kurigram", CLEO, tmp_path) as cleo,
        person(server, "kurigram", BERT, tmp_path) as bert,
    ):
        await cleo.send("@bert")
        await cleo.event()
        await cleo.send("@nobody")
        failed = await cleo.event(2)
        assert isinstance(failed, Came)
        assert failed.message.metadata is not None
        assert failed.message.metadata.problem == "nobody on Telegram is called @nobody"
        server.faults.fail("upload.getFile", 400, "FILE_REFERENCE_EXPIRED")
        async with person(server, "kurigram", ANNA, tmp_path) as anna:
            await anna.send("@bert")
            lost = await bert.event()
            assert isinstance(lost, NotReceived)
            assert "FILE_REFERENCE_EXPIRED" in lost.detail
        assert bert.store.messages() == []


async def test_a_wait_that_telegram_asks_for_loses_no_note(tmp_path: Path) -> None:
    async with (
        loopback() as server,
        person(server, "kurigram", ANNA, tmp_path) as anna,
        person(server, "kurigram", BERT, tmp_path) as bert,
    ):
        server.faults.fail("upload.getFile", 420, "FLOOD_WAIT_1", times=1)
        await anna.send("@bert")
        assert isinstance(await bert.event(), Received)


async def test_a_folder_that_can_not_be_read_loses_one_note_and_not_the_line(tmp_path: Path) -> None:
    async with (
        loopback() as server,
        person(server, "kurigram", ANNA, tmp_path) as anna,
        person(server, "kurigram", BERT, tmp_path) as bert,
    ):
        obstacle = bert.store.folder / "a directory.ogg"
        obstacle.mkdir(parents=True)
        await anna.send("@bert")
        lost = await bert.event()
        assert isinstance(lost, NotReceived)
        assert "can't be read" in lost.detail
        obstacle.rmdir()
        await anna.send("@bert")
        assert isinstance(await bert.event(2), Received)

"""Voice notes between two accounts at the loopback Telegram, with either library at either end."""

from pathlib import Path

import pytest

from hullo.lines.telegram.account.opening import Library
from hullo.lines.telegram.account.voice_note import PART
from hullo.messages.events import Came, NotReceived, Received
from hullo.messages.metadata import Delivery, Direction
from tests.lines.telegram.account.loopback import ANNA, BERT, CLEO, loopback
from tests.messages.note_takers import LONG, person


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
        server.faults.fail("upload.getFile", 400, "FILE_ID_INVALID")
        async with person(server, "kurigram", ANNA, tmp_path) as anna:
            await anna.send("@bert")
            lost = await bert.event()
            assert isinstance(lost, NotReceived)
            assert lost.detail == "Telegram does not hand out the note (FILE_ID_INVALID): listen to it in an app"
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

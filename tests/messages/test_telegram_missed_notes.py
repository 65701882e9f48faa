"""Voice notes that came while nobody was there to take them, and those that were listened to meanwhile."""

import json
import logging
from pathlib import Path

import pytest

from hullo.demo.loopback_telegram import methods
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.opening import Library
from hullo.messages.events import Came
from hullo.messages.metadata import Delivery
from tests.lines.telegram.account.loopback import ANNA, BERT, LIBRARIES, Running, logged_in, loopback, running
from tests.messages.note_takers import person

both = pytest.mark.parametrize("library", LIBRARIES)
TWO_WEEKS = 14 * 86_400


async def send(server: LoopbackTelegram, folder: Path, notes: int = 1) -> None:
    """Anna sends Bert some notes."""
    async with person(server, "kurigram", ANNA, folder) as anna:
        for number in range(1, notes + 1):
            await anna.send("@bert", 0.5)
            await anna.event(number)


async def visit(server: LoopbackTelegram, library: Library, folder: Path) -> None:
    """Bert is there, for the first time."""
    async with person(server, library, BERT, folder) as bert:
        assert bert.events == []


async def read(server: LoopbackTelegram, here: Running, folder: Path) -> None:
    """Wait until it is on the disk that Bert has read everything."""
    file = folder / f"{BERT}.session.updates"
    await here.until(lambda: json.loads(file.read_text())["state"]["pts"] == server.world.history.pts)


@both
async def test_what_came_meanwhile_is_fetched_once(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "DIFFERENCE_SLICE", 1)
    async with loopback() as server:
        await visit(server, library, tmp_path)
        await send(server, tmp_path, 3)
        async with running(server, library, logged_in(server, BERT, tmp_path)):
            pass  # somebody places a call with the account, and takes no notes
        async with person(server, library, BERT, tmp_path) as bert:
            came = [await bert.received(number) for number in (1, 2, 3)]
            await read(server, bert.here, tmp_path)
            for message in came:
                bert.store.delete(message)
        async with person(server, library, BERT, tmp_path) as bert:
            await send(server, tmp_path)
            await bert.received()
            assert len(bert.events) == 1


@both
async def test_a_note_that_was_taken_at_once_is_not_told_again_after_a_crash(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        async with person(server, library, BERT, tmp_path) as bert:
            await send(server, tmp_path)
            await bert.received()
            await read(server, bert.here, tmp_path)
        state = tmp_path / f"{BERT}.session.updates"
        assert state.stat().st_mode & 0o777 == 0o600


async def test_the_first_start_leaves_what_was_there_to_the_apps(tmp_path: Path) -> None:
    async with loopback() as server:
        await send(server, tmp_path)
        await visit(server, "kurigram", tmp_path)


async def test_what_came_long_ago_is_left_to_the_apps(tmp_path: Path) -> None:
    async with loopback() as server:
        await visit(server, "kurigram", tmp_path)
        await send(server, tmp_path, 2)
        server.world.files.sent[0].date -= TWO_WEEKS + 60
        async with person(server, "kurigram", BERT, tmp_path) as bert:
            known = (await bert.received()).metadata
            assert known is not None
            assert known.peer_message_id == "2"
            assert len(bert.events) == 1


@both
async def test_who_listened_meanwhile_is_told(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        async with person(server, library, ANNA, tmp_path) as anna:
            await anna.send("@bert", 0.5)
            await anna.event()
        async with person(server, "kurigram", BERT, tmp_path) as bert:
            await bert.here.account.mark_listened(1)
        async with person(server, library, ANNA, tmp_path) as anna:
            heard = await anna.event()
            assert isinstance(heard, Came)
            assert heard.delivery is Delivery.HEARD


@both
async def test_a_server_that_does_not_know_how_far_we_were_leaves_the_account_online(
    library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with loopback() as server:
        await visit(server, library, tmp_path)
        await send(server, tmp_path)
        for code, name in ((400, "PERSISTENT_TIMESTAMP_INVALID"), (420, "FLOOD_WAIT_30")):
            server.faults.fail("updates.getDifference", code, name)
            with caplog.at_level(logging.WARNING):
                async with person(server, library, BERT, tmp_path) as bert:
                    assert bert.here.account.health().online
            assert name.removesuffix("_30") in caplog.text
        async with person(server, library, BERT, tmp_path) as bert:
            await bert.received()


async def test_more_than_the_server_tells_is_left_to_the_apps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hullo.lines.telegram.account.link._DIFFERENCE_OF_AT_MOST", 1)
    async with loopback() as server:
        await visit(server, "kurigram", tmp_path)
        await send(server, tmp_path, 2)
        with caplog.at_level(logging.WARNING):
            async with person(server, "kurigram", BERT, tmp_path) as bert:
                await send(server, tmp_path)
                await bert.received()
                assert len(bert.events) == 1
        assert "left to the apps" in caplog.text

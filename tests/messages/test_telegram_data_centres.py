"""Voice notes that lie in another data centre than the account's, and whose references have expired."""

from pathlib import Path

import msgspec
import pytest

from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.opening import Library
from hullo.messages.events import Received
from hullo.messages.store import StoredMessage
from tests.lines.telegram.account.loopback import ANNA, BERT, CLEO, LIBRARIES, QUICK, loopback
from tests.messages import posting
from tests.messages.note_takers import Person, away, person

both = pytest.mark.parametrize("library", LIBRARIES)
HOME, ELSEWHERE, THIRD = 2, 4, 5
PART = 4096
LONG = 2.5
"""Seconds of a note that goes in two parts of that size."""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that short notes, which are made quickly, have several."""
    for module in ("lines.telegram.account.voice_note", "lines.telegram.account.note_fetching"):
        monkeypatch.setattr(f"hullo.{module}.PART", PART)
    monkeypatch.setattr("hullo.messages.telegram_courier.PART", PART)


def settle(server: LoopbackTelegram) -> None:
    """Bert lives in another data centre than Anna, and Cleo, whom he knows, in a third."""
    server.directory.member(BERT).dc = ELSEWHERE
    server.directory.member(CLEO).dc = THIRD
    server.directory.member(BERT).contacts.add(CLEO)


def waiting(who: Person) -> int:
    """Notes that are still to be fetched."""
    return len(list((who.store.folder / "telegram-incoming").glob("*.job")))


def same(one: StoredMessage, other: StoredMessage) -> bool:
    return one.path.read_bytes() == other.path.read_bytes()


@pytest.mark.parametrize(("one", "other"), [("kurigram", "telethon"), ("telethon", "kurigram")])
async def test_a_note_is_fetched_from_where_its_sender_lives(one: Library, other: Library, tmp_path: Path) -> None:
    async with loopback(centres=(HOME, ELSEWHERE)) as server:
        server.directory.member(BERT).dc = ELSEWHERE
        async with person(server, one, ANNA, tmp_path) as anna, person(server, other, BERT, tmp_path) as bert:
            there = await anna.send("@bert", LONG)
            assert same(await bert.received(), there)
            back = await bert.send("@anna", LONG)
            assert same(await anna.received(), back)
            once_more = await anna.send("@bert")
            assert same(await bert.received(2), once_more)
            assert len(server.centre(HOME).connections_of(BERT)) == 1
            assert len(server.centre(ELSEWHERE).connections_of(ANNA)) == 1
        await anna.here.until(lambda: not server.centre(HOME).connections_of(BERT))


@both
async def test_an_idle_connection_is_closed_and_its_login_kept(library: Library, tmp_path: Path) -> None:
    async with loopback(centres=(HOME, ELSEWHERE)) as server:
        server.directory.member(BERT).dc = ELSEWHERE
        brief = msgspec.structs.replace(QUICK, idle=0.1)
        async with (
            person(server, library, ANNA, tmp_path) as anna,
            person(server, library, BERT, tmp_path, brief) as bert,
        ):
            for number in (1, 2):
                await anna.send("@bert")
                await bert.received(number)
                await bert.here.until(lambda: not server.centre(HOME).connections_of(BERT))
            assert len(server.centre(HOME).devices_of(BERT)) == 1


@both
async def test_a_data_centre_that_can_not_be_reached_holds_up_its_own_notes_only(
    library: Library, tmp_path: Path
) -> None:
    async with loopback(centres=(HOME, ELSEWHERE, THIRD)) as server:
        settle(server)
        async with away(server, library, BERT, tmp_path) as bert:
            for sender in (CLEO, CLEO, ANNA):
                async with person(server, library, sender, tmp_path) as other:
                    await other.send("@bert")
                    await other.event()
            await bert.here.until(lambda: waiting(bert) == 3)
            await server.centre(THIRD).stop_listening()
            async with posting.running(bert.courier.run()):
                known = (await bert.received()).metadata
                assert known is not None
                assert known.peer == "@anna"
                assert bert.here.account.health().online
                assert len(bert.events) == 1
                await server.centre(THIRD).listen()
                await bert.received(3)
            assert all(isinstance(event, Received) for event in bert.events)


@pytest.mark.parametrize(
    ("method", "name"),
    [("auth.importAuthorization", "AUTH_BYTES_INVALID"), ("auth.exportAuthorization", "DC_ID_INVALID")],
)
@both
async def test_a_login_that_is_refused_there_is_one_clear_failure(
    library: Library, method: str, name: str, tmp_path: Path
) -> None:
    async with loopback(centres=(HOME, ELSEWHERE)) as server:
        server.directory.member(BERT).dc = ELSEWHERE
        async with person(server, library, ANNA, tmp_path) as anna, person(server, library, BERT, tmp_path) as bert:
            server.faults.fail(method, 400, name, times=10)
            await anna.send("@bert")
            assert await bert.lost() == (
                f"the note lies in Telegram's data centre 2, which does not take the login of this account ({name}): "
                "listen to it in an app"
            )
            server.faults.fail(method, 400, name, times=0)
            await anna.send("@bert")
            await bert.received()
            assert len(bert.events) == 2
            assert bert.here.account.health().online


@both
async def test_a_login_that_is_gone_there_is_made_again(library: Library, tmp_path: Path) -> None:
    async with loopback(centres=(HOME, ELSEWHERE)) as server:
        server.directory.member(BERT).dc = ELSEWHERE
        async with person(server, library, ANNA, tmp_path) as anna, person(server, library, BERT, tmp_path) as bert:
            await anna.send("@bert")
            await bert.received()
            [device] = server.centre(HOME).devices_of(BERT)
            device.authorization.member = None
            await anna.send("@bert")
            await bert.received(2)
            [device] = server.centre(HOME).devices_of(BERT)
            connections = server.centre(HOME).connections_of(BERT)
            server.centre(HOME).forget(device)
            for connection in connections:
                connection.drop()
            await anna.send("@bert")
            await bert.received(3)
            assert bert.here.account.health().online


@both
async def test_a_connection_there_that_has_gone_silent_is_given_up(library: Library, tmp_path: Path) -> None:
    async with loopback(centres=(HOME, ELSEWHERE)) as server:
        server.directory.member(BERT).dc = ELSEWHERE
        hasty = msgspec.structs.replace(QUICK, reply=1.5)
        async with (
            person(server, library, ANNA, tmp_path) as anna,
            person(server, library, BERT, tmp_path, hasty) as bert,
        ):
            await anna.send("@bert")
            await bert.received()
            for connection in server.centre(HOME).connections_of(BERT):
                connection.silent = True
            await anna.send("@bert")
            await bert.received(2)
            await bert.here.until(lambda: len(server.centre(HOME).connections_of(BERT)) == 1)
            assert bert.here.account.health().online


@both
async def test_a_file_that_was_moved_is_fetched_from_where_it_is(library: Library, tmp_path: Path) -> None:
    async with loopback(centres=(HOME, ELSEWHERE, THIRD)) as server:
        settle(server)
        async with away(server, library, BERT, tmp_path) as bert:
            async with person(server, library, ANNA, tmp_path) as anna:
                note = await anna.send("@bert", LONG)
                await anna.event()
            await bert.here.until(lambda: waiting(bert) == 1)
            server.world.files.sent[0].dc = THIRD
            async with posting.running(bert.courier.run()):
                assert same(await bert.received(), note)


# File references


async def taken_note_of(server: LoopbackTelegram, bert: Person, folder: Path) -> StoredMessage:
    """A note of four parts that Anna has sent, and that waits to be fetched."""
    async with person(server, "kurigram", ANNA, folder) as anna:
        note = await anna.send("@bert", 2 * LONG)
        assert 3 * PART < note.path.stat().st_size < 4 * PART
        await anna.event()
    await bert.here.until(lambda: waiting(bert) == 1)
    return note


@both
async def test_a_reference_that_expired_is_renewed_and_the_note_gone_on_with(library: Library, tmp_path: Path) -> None:
    async with loopback() as server, away(server, library, BERT, tmp_path) as bert:
        files = server.world.files
        files.parts_for_a_reference = 2
        note = await taken_note_of(server, bert, tmp_path)
        files.expire_references()  # while it waited
        async with posting.running(bert.courier.run()):
            assert same(await bert.received(), note)
        assert [offset for _, offset in files.fetched] == [0, PART, 2 * PART, 3 * PART]


@both
async def test_a_reference_that_is_never_good_is_one_clear_failure(library: Library, tmp_path: Path) -> None:
    async with loopback() as server, away(server, library, BERT, tmp_path) as bert:
        server.world.files.parts_for_a_reference = 1
        await taken_note_of(server, bert, tmp_path)
        async with posting.running(bert.courier.run()):
            detail = "Telegram does not hand out the note (FILE_REFERENCE_EXPIRED): listen to it in an app"
            assert await bert.lost() == detail
        assert list((bert.store.folder / "telegram-incoming").iterdir()) == []


async def test_a_note_that_was_deleted_meanwhile_is_said_to_be(tmp_path: Path) -> None:
    async with loopback() as server, away(server, "kurigram", BERT, tmp_path) as bert:
        await taken_note_of(server, bert, tmp_path)
        server.world.files.expire_references()
        server.world.files.deleted.add(1)
        async with posting.running(bert.courier.run()):
            assert await bert.lost() == "the note is not there any more: its sender has deleted it"


async def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with loopback() as server, away(server, "kurigram", BERT, tmp_path) as bert:
        files = server.world.files
        files.parts_for_a_reference = 2
        note = await taken_note_of(server, bert, tmp_path)
        server.faults.fail("messages.getMessages", 500, "INTERDC_2_CALL_ERROR", times=1000)
        async with posting.running(bert.courier.run()):
            await bert.here.until(lambda: len(files.fetched) == 2)
        assert bert.events == []
        server.faults.fail("messages.getMessages", 500, "INTERDC_2_CALL_ERROR", times=0)
        again = Person(bert.here, bert.store.folder)
        async with posting.running(again.courier.run()):
            assert same(await again.received(), note)
        assert [offset for _, offset in files.fetched] == [0, PART, 2 * PART, 3 * PART]

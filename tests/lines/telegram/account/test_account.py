"""What an account promises, the same with both libraries, at a real MTProto server."""

import asyncio
import hashlib
import itertools
import os
import secrets
import stat
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from hullo.demo.loopback_telegram.directory import Who
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram import port
from hullo.lines.telegram.account import kurigram_client
from hullo.lines.telegram.account.account import Account
from hullo.lines.telegram.account.opening import Library, client_maker
from tests.lines.telegram.account.loopback import (
    ANNA,
    BERT,
    CLEO,
    DEADLINE,
    LIBRARIES,
    QUICK,
    Running,
    logged_in,
    loopback,
    running,
    two_accounts,
    where,
)

PROTOCOL = port.CallProtocol(library_versions=("8.0.0", "9.0.0"))

both = pytest.mark.parametrize("library", LIBRARIES)
pairs = pytest.mark.parametrize(("anna", "bert"), [("kurigram", "telethon"), ("telethon", "kurigram")])


class Call:
    """A call of Anna's to Bert, up to the exchange of phoneCall."""

    def __init__(self, caller: Running, callee: Running) -> None:
        self.caller = caller
        self.callee = callee
        self.g_a = secrets.token_bytes(256)
        self.g_b = secrets.token_bytes(256)

    async def request(self) -> port.PhoneCallWaiting:
        waiting = await self.caller.account.call(
            port.RequestCall(
                user=await self.caller.account.resolve("@bert"),
                random_id=secrets.randbits(31),
                g_a_hash=hashlib.sha256(self.g_a).digest(),
                protocol=PROTOCOL,
            )
        )
        assert isinstance(waiting, port.PhoneCallWaiting)
        self.caller_peer = waiting.peer
        return waiting

    async def ring(self) -> None:
        requested = await self.callee.phone_call(port.PhoneCallRequested)
        assert requested.g_a_hash == hashlib.sha256(self.g_a).digest()
        self.callee_peer = requested.peer
        assert await self.callee.account.call(port.ReceivedCall(peer=requested.peer))
        assert (await self.caller.phone_call(port.PhoneCallWaiting)).receive_date is not None

    async def accept(self) -> port.PhoneCallAccepted:
        request = port.AcceptCall(peer=self.callee_peer, g_b=self.g_b, protocol=PROTOCOL)
        waiting = await self.callee.account.call(request)
        assert isinstance(waiting, port.PhoneCallWaiting)
        accepted = await self.caller.phone_call(port.PhoneCallAccepted)
        assert (accepted.g_b, accepted.protocol.library_versions) == (self.g_b, ("9.0.0",))
        return accepted

    async def confirm(self) -> tuple[port.PhoneCall, port.PhoneCall]:
        request = port.ConfirmCall(peer=self.caller_peer, g_a=self.g_a, key_fingerprint=-5, protocol=PROTOCOL)
        ours = await self.caller.account.call(request)
        theirs = await self.callee.phone_call(port.PhoneCall)
        assert isinstance(ours, port.PhoneCall)
        return ours, theirs

    async def set_up(self) -> None:
        await self.request()
        await self.ring()
        await self.accept()
        await self.confirm()

    async def signal(self, data: bytes) -> None:
        await self.caller.account.call(port.SendSignalingData(peer=self.caller_peer, data=data))

    async def hang_up(self) -> None:
        reason = port.DiscardReason.HANGUP
        await self.caller.account.call(port.DiscardCall(peer=self.caller_peer, reason=reason, duration=3))


@pairs
async def test_a_whole_call_between_the_libraries(anna: Library, bert: Library, tmp_path: Path) -> None:
    async with loopback() as server, two_accounts(server, anna, bert, tmp_path) as (a, b):
        server.settings.connections = (
            port.PhoneConnection(id=1, ip="127.0.0.1", port=599, peer_tag=bytes(16), tcp=True),
            port.PhoneConnectionWebrtc(
                id=2, ip="127.0.0.1", port=3478, username="u", password="p", turn=True, stun=True
            ),
        )
        server.settings.custom_parameters = '{"network_use_mtproto":false}'
        server.settings.need_rating = server.settings.need_debug = True
        call = Call(a, b)
        waiting = await call.request()
        assert (waiting.admin_id, waiting.participant_id, waiting.receive_date) == (ANNA, BERT, None)
        assert abs(waiting.date - time.time()) < 60
        await call.ring()
        await call.accept()
        ours, theirs = await call.confirm()
        assert (ours.g_a_or_b, theirs.g_a_or_b) == (call.g_b, call.g_a)
        for one in (ours, theirs):
            assert one.key_fingerprint == -5
            assert one.p2p_allowed
            assert one.connections == server.settings.connections
            assert one.custom_parameters == '{"network_use_mtproto":false}'
            assert one.start_date >= waiting.date
        await call.signal(b"\x00" * 700)
        await b.until(lambda: b.signals == [b"\x00" * 700])
        await call.hang_up()
        for side in (a, b):  # to the one who hung up by the result, to the other by an update
            ended = await side.phone_call(port.PhoneCallDiscarded)
            assert (ended.reason, ended.duration) == (port.DiscardReason.HANGUP, 3)
            assert ended.need_rating
            assert ended.need_debug
        await a.account.call(port.SetCallRating(peer=call.caller_peer, rating=4, comment="fine"))
        await a.account.call(port.SaveCallDebug(peer=call.caller_peer, debug="{}"))
        assert server.world.ratings == [(waiting.id, 4)]
        assert server.world.debug_reports == [(waiting.id, "{}")]


@both
async def test_config_and_dh(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        server.world.timers.ring = 45_500
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file) as anna:
            assert anna.account.self_id == ANNA
            assert anna.account.health() == port.AccountHealth(online=True, detail="online", address="@anna")
            timers = await anna.account.call(port.GetCallConfig())
            assert timers == port.CallConfig(
                receive_timeout=20.0, ring_timeout=45.5, connect_timeout=30.0, packet_timeout=10.0
            )
            config = await anna.account.call(port.GetDhConfig())
            assert (len(config.p), config.g, len(config.random)) == (256, 3, 256)
            again = await anna.account.call(port.GetDhConfig(version=config.version))
            assert (again.p, len(again.random)) == (b"", 256)


@both
async def test_the_errors_are_the_servers_own_and_nothing_is_tried_twice(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file) as anna:
            await anna.account.resolve("@bert")
            for code, name in [
                (500, "CALL_OCCUPY_FAILED"),
                (503, "Timedout"),
                (406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID"),
                (400, "SOMETHING_NOBODY_HAS_SEEN_7_TIMES"),
                (-500, "No workers running"),
            ]:
                server.faults.fail("phone.requestCall", code, name, times=1)
                call = Call(anna, anna)
                with pytest.raises(port.TelegramError) as caught:
                    await call.request()
                assert (caught.value.name, caught.value.code, caught.value.retry_after) == (name, abs(code), None)
            assert server.world.book.live() == 0  # a second attempt would have succeeded
            assert "unknown_errors.txt" not in os.listdir()


@both
async def test_privacy_and_blocks(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        bert = server.directory.member(BERT)
        async with running(server, library, file) as anna:
            bert.may_call = Who.NOBODY
            with pytest.raises(port.TelegramError, match="USER_PRIVACY_RESTRICTED"):
                await Call(anna, anna).request()
            bert.may_call = Who.CONTACTS
            await Call(anna, anna).request()
            bert.blocked.add(ANNA)
            with pytest.raises(port.TelegramError, match="USER_IS_BLOCKED"):
                await Call(anna, anna).request()


@both
async def test_a_flood_wait_is_obeyed_and_shown(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file) as anna:
            await anna.account.resolve("@bert")
            server.faults.fail("phone.requestCall", 420, "FLOOD_WAIT_35")
            began = time.monotonic()
            with pytest.raises(port.TelegramError) as caught:
                await Call(anna, anna).request()
            assert (caught.value.name, caught.value.retry_after) == ("FLOOD_WAIT", 35.0)
            with pytest.raises(port.TelegramError) as again:  # from here, and not from the server, which would allow it
                await Call(anna, anna).request()
            assert again.value.name == "FLOOD_WAIT"
            assert again.value.retry_after is not None
            assert 35.0 - (time.monotonic() - began) - 1 < again.value.retry_after <= 35.0
            assert server.world.book.live() == 0
            health = anna.account.health()
            assert health.online
            assert health.detail.startswith("Telegram asks to wait: phone.requestCall 3")
            assert (await anna.account.call(port.GetDhConfig())).g == 3  # others are free


@both
async def test_a_dead_key_is_noticed_and_said(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file) as anna:
            server.revoke(ANNA)
            await anna.until(lambda: "hullo telegram login" in anna.account.health().detail)
            assert not anna.account.health().online
            with pytest.raises(port.TelegramError) as caught:
                await anna.account.call(port.GetDhConfig())
            assert caught.value.name == "AUTH_KEY_NOT_FOUND"
        late = Running(Account(client_maker(library, file.load(), where(server)), file))
        task = asyncio.create_task(late.account.run())
        await late.until(lambda: "hullo telegram login" in late.account.health().detail)
        task.cancel()
        await asyncio.wait([task])


@both
@pytest.mark.parametrize(("code", "name"), [(401, "SESSION_REVOKED"), (406, "AUTH_KEY_DUPLICATED")])
async def test_a_login_ended_elsewhere(library: Library, code: int, name: str, tmp_path: Path) -> None:
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file) as anna:
            server.end_logins(ANNA, code, name)
            for _ in range(2):
                with pytest.raises(port.TelegramError) as caught:
                    await anna.account.call(port.GetDhConfig())
                assert caught.value.name == name
            await anna.offline()
            assert "hullo telegram login" in anna.account.health().detail
            await anna.until(lambda: server.connected(ANNA) == 0)


@pairs
async def test_a_drop_in_the_middle_of_a_call(anna: Library, bert: Library, tmp_path: Path) -> None:
    async with loopback() as server, two_accounts(server, anna, bert, tmp_path) as (a, b):
        call = Call(a, b)
        await call.request()
        server.kick(ANNA)
        await call.ring()
        server.kick(BERT)
        await call.accept()
        server.kick(ANNA)
        server.kick(BERT)
        await call.confirm()
        server.kick(ANNA)
        await call.signal(b"after the drop")
        await b.until(lambda: b.signals == [b"after the drop"])
        server.kick(BERT)
        await call.hang_up()
        await b.phone_call(port.PhoneCallDiscarded)


@both
async def test_what_happened_while_away_is_caught_up(library: Library, tmp_path: Path) -> None:
    patience = msgspec.structs.replace(QUICK, reply=1.0)
    async with loopback() as server, two_accounts(server, "kurigram", library, tmp_path, patience) as (a, b):
        await server.stop_listening()
        await a.offline()
        await b.offline()
        with pytest.raises(port.TelegramUnreachable):
            await b.account.call(port.GetDhConfig())
        await server.listen()
        await a.online()
        await b.online()


@both
async def test_a_connection_that_carries_nothing_is_replaced(library: Library, tmp_path: Path) -> None:
    async with loopback() as server, two_accounts(server, "kurigram", library, tmp_path) as (a, b):
        server.go_silent(BERT)  # and stays open: a tunnel, or a router that forgot us
        call = Call(a, b)
        await call.request()
        await call.ring()
        server.go_silent(ANNA)
        await call.accept()


@pytest.mark.parametrize(("library", "of_each"), [("kurigram", 2), ("telethon", 1)])  # so often each asks for it
async def test_a_connection_that_is_lost_while_it_is_made_is_made_again_at_once(
    library: Library, of_each: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = itertools.count(1)
    lost: list[int] = []

    def the_last_answer_is_lost(method: str) -> bool:
        if method != "help.getConfig" or len(lost) == 4 or (number := next(asked)) % of_each:
            return False
        lost.append(number)
        return True

    async with loopback() as server, running(server, library, logged_in(server, ANNA, tmp_path)) as anna:
        monkeypatch.setattr(server.faults, "loses_answer", the_last_answer_is_lost)
        server.kick(ANNA)
        await anna.until(lambda: len(lost) == 4 and anna.account.health().online)


@both
async def test_an_answer_that_is_lost(library: Library, tmp_path: Path) -> None:
    async with loopback() as server, two_accounts(server, library, "kurigram", tmp_path) as (a, b):
        call = Call(a, b)
        await call.set_up()
        for method, request in [
            ("phone.sendSignalingData", call.signal(b"once")),
            ("phone.discardCall", call.hang_up()),
        ]:
            server.faults.lose_answer(method)
            try:
                await request
            except port.TelegramError as error:
                assert error.name == "CALL_ALREADY_DECLINED"  # noqa: PT017  # it was carried out the first time
        await b.phone_call(port.PhoneCallDiscarded)
        assert b.signals == [b"once"]


@pairs
@pytest.mark.parametrize("fault", ["duplicate", "delay", "reorder"])
async def test_updates_twice_late_and_out_of_order(anna: Library, bert: Library, fault: str, tmp_path: Path) -> None:
    async with loopback() as server, two_accounts(server, anna, bert, tmp_path) as (a, b):
        server.faults.duplicate_updates = fault == "duplicate"
        server.faults.delay_updates = 0.3 if fault == "delay" else 0.0
        server.faults.reorder_updates = fault == "reorder"
        call = Call(a, b)
        await call.set_up()
        sent = [os.urandom(200) for _ in range(10)]
        for blob in sent:
            await call.signal(blob)
        await b.until(lambda: len(b.signals) == 10)
        assert sorted(b.signals) == sorted(sent)
        assert (b.signals == sent) == (fault != "reorder")
        await call.hang_up()
        await b.phone_call(port.PhoneCallDiscarded)
        assert len(set(b.updates)) == len(b.updates)


@both
async def test_nothing_comes_twice_after_a_reconnect(library: Library, tmp_path: Path) -> None:
    async with loopback() as server, two_accounts(server, "telethon", library, tmp_path) as (a, b):
        server.faults.resend_to_new_session = True
        call = Call(a, b)
        await call.set_up()
        sent = [os.urandom(100) for _ in range(60)]
        for number, blob in enumerate(sent):
            await call.signal(blob)
            if number % 20 == 10:
                server.kick(BERT)
        await b.until(lambda: len(b.signals) >= 60)
        assert sorted(b.signals) == sorted(sent)
        assert len(set(b.updates)) == len(b.updates)


async def test_what_is_repeated_is_taken_though_later_packets_were_read_while_the_connection_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close: Callable[[Any], Awaitable[None]] = kurigram_client._Session._wait_pending_tasks

    async def reading_on(session: Any) -> None:
        await close(session)
        session.stored_msg_ids.append(int((time.time() + 20) * 2**32))

    monkeypatch.setattr(kurigram_client._Session, "_wait_pending_tasks", reading_on)
    async with loopback() as server, two_accounts(server, "telethon", "kurigram", tmp_path) as (a, b):
        call = Call(a, b)
        await call.set_up()
        server.kick(BERT)
        await call.signal(b"while away")
        await b.until(lambda: b.signals == [b"while away"])


@both
async def test_people_are_looked_up_once(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file) as anna:
            bert = await anna.account.resolve("@Bert")
            assert (bert.id, bert.name, bert.username, bert.is_contact) == (BERT, "Bert", "bert", True)
            cleo = await anna.account.resolve("@cleo")
            assert not cleo.is_contact
            with pytest.raises(port.UnknownUser, match="nobody on Telegram is called @dora"):
                await anna.account.resolve("@dora")
            with pytest.raises(port.UnknownUser, match="use @name"):
                await anna.account.resolve("dora")
            assert await anna.account.resolve(f"+{server.directory.member(BERT).phone}") == bert
            with pytest.raises(port.UnknownUser, match="no contact of this account"):
                await anna.account.resolve("+99966 01003")
        assert stat.S_IMODE(file.users_path.stat().st_mode) == 0o600
        server.faults.fail("contacts.resolveUsername", 420, "FLOOD_WAIT_9000", times=1)
        async with running(server, library, file) as anna:
            assert await anna.account.resolve("@bert") == bert
            assert await anna.account.resolve(str(CLEO)) == cleo
            with pytest.raises(port.UnknownUser, match="user 4711 is not known"):
                await anna.account.resolve("4711")


@both
async def test_the_caller_is_known(library: Library, tmp_path: Path) -> None:
    async with loopback() as server, two_accounts(server, "kurigram", library, tmp_path) as (a, b):
        await Call(a, b).request()
        requested = await b.phone_call(port.PhoneCallRequested)
        server.faults.fail("contacts.getContacts", 420, "FLOOD_WAIT_9000")
        caller = await b.account.resolve(str(requested.admin_id))
        assert (caller.id, caller.username, caller.is_contact) == (ANNA, "anna", True)


@both
async def test_one_process_a_session_file(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file):
            second = Running(Account(client_maker(library, file.load(), where(server)), file))
            task = asyncio.create_task(second.account.run())
            await second.until(lambda: "in use by another process" in second.account.health().detail)
            assert server.connected(ANNA) == 1
            task.cancel()
            await asyncio.wait([task])


@both
async def test_start_and_stop_leave_nothing_behind(library: Library, tmp_path: Path) -> None:
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file):
            pass  # whatever a library sets up once
        await _disconnected(server)
        tasks, threads, files = len(asyncio.all_tasks()), threading.active_count(), _open_files()
        for _ in range(3):
            async with running(server, library, file) as anna:
                await anna.account.call(port.GetDhConfig())
            await _disconnected(server)
        async with asyncio.timeout(30):
            while len(asyncio.all_tasks()) > tasks or threading.active_count() > threads or _open_files() > files:
                await asyncio.sleep(0.01)


@both
@pytest.mark.parametrize("seed", range(4))
async def test_stopping_at_any_moment_leaves_nothing_behind(library: Library, seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    async with loopback() as server:
        file = logged_in(server, ANNA, tmp_path)
        async with running(server, library, file):
            pass
        await _disconnected(server)
        tasks, files = len(asyncio.all_tasks()), _open_files()
        for _ in range(8):
            account = Account(client_maker(library, file.load(), where(server)), file, timing=QUICK)
            task = asyncio.create_task(account.run())
            for _ in range(random.randrange(3)):
                await asyncio.sleep(random.random() * 0.1)
                server.kick(ANNA)
            await asyncio.sleep(random.random() * 0.05)
            task.cancel()
            await asyncio.wait([task], timeout=DEADLINE)
            assert task.cancelled()
        async with asyncio.timeout(DEADLINE):
            while len(asyncio.all_tasks()) > tasks or _open_files() > files:
                await asyncio.sleep(0.01)


async def _disconnected(server: LoopbackTelegram) -> None:
    async with asyncio.timeout(30):
        while server.connected(ANNA):
            await asyncio.sleep(0.01)


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))

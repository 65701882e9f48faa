"""The server of the page: who may use it, and what for."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hullo.call.call import Call
from hullo.call.events import PeerMuted
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.lines.line import EndReason
from hullo.media.pcm import SILENCE
from hullo.messages.making import message_of_sound
from hullo.messages.messenger import Messenger
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.store import MessageStore
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import LOGIN_SECONDS, IceServer
from hullo.service.page import PAGE_METHODS, encode, serving_page
from hullo.service.secret_file import SecretError
from hullo.service.server import RpcServer
from hullo.web.messages import MOST_BYTES
from hullo.web.server import Address, PageServer
from hullo.web.settings import WebConfig
from tests.service.loopback_line import LoopbackLine
from tests.web.page_peer import PagePeer

LOOPBACK = Address()
TOKEN = "a secret of this test"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class Served:
    """A page server with its address, and a loopback line beside the browser line."""

    def __init__(self, url: str, board: Switchboard, line: LoopbackLine, http: aiohttp.ClientSession) -> None:
        self.url = url.rstrip("/")
        self.board = board
        self.line = line
        self.http = http

    def socket(self, *, token: str = TOKEN, **headers: str) -> Any:
        return self.http.ws_connect(f"{self.url}/rpc", protocols=("hullo", f"token.{token}"), headers=headers)

    async def status_of(self, method: str, path: str, **more: Any) -> int:
        async with self.http.request(method, f"{self.url}{path}", **more) as response:
            return response.status


@asynccontextmanager
async def served(
    *,
    messenger: Messenger | None = None,
    max_pages: int = 16,
    address: Address = LOOPBACK,
    answer: str = "ask",
    servers: Sequence[IceServer] = (),
) -> AsyncIterator[Served]:
    async with asyncio.timeout(30), MediaClock(freeze_gc=False) as clock, aiohttp.ClientSession() as http:
        browser, loopback = BrowserLine(None, clock=clock, page_servers=servers), LoopbackLine()
        board = Switchboard([browser, loopback], answer=answer)
        async with RpcServer(board) as server:
            page = PageServer(
                board,
                browser,
                token=TOKEN,
                answer=server.dispatcher(PAGE_METHODS).answer,
                encode=encode,
                messenger=messenger,
                max_pages=max_pages,
            )
            async with page.serve(address) as url, board:
                yield Served(url, board, loopback, http)


async def ask(socket: aiohttp.ClientWebSocketResponse, method: str, **params: Any) -> Any:
    await socket.send_str(json.dumps({"jsonrpc": "2.0", "id": method, "method": method, "params": params}))
    return await until(socket, lambda message: message.get("id") == method)


async def event(socket: aiohttp.ClientWebSocketResponse, name: str) -> Any:
    return (await until(socket, lambda message: message.get("method") == name))["params"]


async def until(socket: aiohttp.ClientWebSocketResponse, wanted: Any) -> Any:
    while True:
        message = json.loads(await socket.receive_str())
        if wanted(message):
            return message


async def test_the_page_is_for_everybody_and_lets_nothing_else_in() -> None:
    async with served() as page, page.http.get(page.url) as response:
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        text = await response.text()
        assert "<script>" not in text
        assert " style=" not in text
        etag = {"If-None-Match": response.headers["ETag"]}
        assert await page.status_of("GET", "/", headers=etag) == 304
        assert await page.status_of("GET", "/js/../../server.py") == 404
        async with page.http.get(f"{page.url}/call") as elsewhere:
            assert (elsewhere.status, "open /" in (await elsewhere.json())["remedy"]) == (404, True)
        assert await page.status_of("GET", "/uplot/uPlot.esm.js") == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer something else"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({**HEADERS, "Origin": "https://evil.example"}, 403),
        (HEADERS, 426),
    ],
)
async def test_nothing_is_done_without_the_secret_or_for_another_origin(headers: dict[str, str], status: int) -> None:
    async with served() as page:
        assert await page.status_of("GET", "/rpc", headers=headers) == status
        if status != 426:
            assert await page.status_of("POST", "/calls?to=loop:ann", headers=headers) == status
            assert await page.status_of("POST", "/calls/some", headers=headers) == status
        assert page.board.live() == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Host: localhost\r\nAuthorization: Bearer \xff\xfe", 401),
        (b"Host: localhost\r\nSec-WebSocket-Protocol: hullo, token.\xff", 401),
        (b"Host: a:b\r\nOrigin: http://a", 403),
        (b"Host:\r\nOrigin: null", 403),
    ],
)
async def test_headers_that_make_no_sense_are_refused_like_any_others(
    lines: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as page:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(page.url.rsplit(":", 1)[1]))
        writer.write(b"GET /rpc HTTP/1.1\r\n" + lines + b"\r\n\r\n")
        assert (await reader.readline()).split()[1] == str(status).encode()
        writer.close()
    assert caplog.text == ""


@pytest.mark.parametrize("secret", ["c2VjcmV0IG9mIHRoaXMgdGVzdA==", "a secret of this test", "no/slash#hash?query"])
async def test_a_secret_that_no_address_can_carry_is_refused(tmp_path: Path, secret: str) -> None:
    path = tmp_path / "token"
    path.write_text(secret)
    path.chmod(0o600)
    async with MediaClock(freeze_gc=False) as clock:
        line = BrowserLine(None, clock=clock)
        board = Switchboard([line])
        with pytest.raises(SecretError, match="remove the file, and another secret is made"):
            async with serving_page(WebConfig(token_file=path, port=0), board, line, RpcServer(board), None):
                pass


async def test_a_socket_needs_the_secret_and_its_own_origin() -> None:
    async with served(address=Address(origins=["https://phone.example:443/"])) as page:
        for token, origin in (("wrong", page.url), (TOKEN, "https://evil.example")):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await page.socket(token=token, Origin=origin)
            assert refused.value.status in (401, 403)
        for origin in (page.url, "https://phone.example"):
            async with page.socket(Origin=origin) as socket:
                assert socket.protocol == "hullo"


async def test_a_page_asks_and_is_told_but_only_what_is_for_pages() -> None:
    async with served() as page, page.socket() as socket:
        assert (await ask(socket, "health"))["result"]["status"] == "ok"
        for method in ("call.record", "call.play", "contact.change", "call.start", "nonsense"):
            assert (await ask(socket, method))["error"]["code"] == -32601
        page.line.ring("ann")
        assert (await event(socket, "call.incoming"))["peer"] == "ann"
        await ask(socket, "call.reject")
        assert (await event(socket, "call.ended"))["reason"] == "declined"


async def test_a_message_that_is_too_long_costs_the_socket_and_nothing_else() -> None:
    async with served() as page, page.socket() as socket:
        await socket.send_str("x" * 100_000)
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        async with page.socket() as other:
            await ask(other, "health")


async def test_only_so_many_pages() -> None:
    async with served(max_pages=1) as page:
        async with page.socket():
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await page.socket()
            assert refused.value.status == 503
        async with asyncio.timeout(30):
            while True:
                try:
                    async with page.socket():
                        return
                except aiohttp.WSServerHandshakeError:
                    await asyncio.sleep(0.01)


async def test_a_page_with_the_secret_is_told_ice_servers_but_not_what_their_logins_are_made_of() -> None:
    servers = [IceServer("stun:stun.example:3478"), IceServer("turn:turn.example:3478", secret="what coturn knows")]
    async with served(servers=servers) as page:
        for stranger in ({}, {"Authorization": "Bearer wrong"}):
            async with page.http.get(f"{page.url}/ice", headers=stranger) as response:
                assert (response.status, "turn" in await response.text()) == (401, False)
        async with page.http.get(f"{page.url}/ice", headers=HEADERS) as response:
            assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
            text = await response.text()
    stun, turn = json.loads(text)["iceServers"]
    assert stun == {"urls": "stun:stun.example:3478"}
    assert turn["urls"] == "turn:turn.example:3478"
    assert int(turn["username"].partition(":")[0]) - time.time() <= LOGIN_SECONDS
    assert turn["credential"]
    assert "what coturn knows" not in text


@pytest.mark.parametrize("kind", ["agent", "person"])
async def test_a_page_says_of_its_leg_that_it_is_muted(kind: str) -> None:
    path = "/calls" if kind == "agent" else "/calls?to=loop:ann"
    async with served(answer="auto") as page, PagePeer(page.http, page.url, TOKEN) as person:
        call = page.board.call(await person.offer(path))
        happened = call.events()
        url = f"{page.url}{person.location}/muted"
        assert await page.status_of("PUT", url.removeprefix(page.url), data=b'{"muted": true}') == 401
        async with page.http.put(url, headers=HEADERS, data=b'{"muted": true}') as response:
            assert response.status == 204
        assert call.status().peer_muted is (True if kind == "agent" else None)
        call.hangup()
        told = [event.muted async for event in happened if isinstance(event, PeerMuted)]
        assert told == ([True] if kind == "agent" else [])


async def test_a_call_of_a_page_is_the_persons_from_its_first_moment() -> None:
    async with served() as page, page.socket() as socket, PagePeer(page.http, page.url, TOKEN) as person:
        call_id = await person.offer("/calls?to=loop:ann")
        first = await until(socket, lambda message: message.get("method", "").startswith("call."))
        assert (first["method"], first["params"]["to"]) == ("call.bridged", "page")
        await event(socket, "call.connected")
        await person.hears_something_of(page.line.legs[0])
        await ask(socket, "call.hangup", call_id=call_id)
        await person.ended()


async def test_an_incoming_call_is_taken_and_goes_on_in_the_page_that_takes_it_next() -> None:
    async with served() as page, page.socket() as socket, PagePeer(page.http, page.url, TOKEN) as one:
        page.line.ring("ann")
        call_id = (await event(socket, "call.incoming"))["call_id"]
        await one.offer(f"/calls/{call_id}")
        await ask(socket, "call.accept", call_id=call_id)
        await event(socket, "call.connected")
        async with PagePeer(page.http, page.url, TOKEN) as other:
            await other.offer(f"/calls/{call_id}")
            await one.ended()
            assert page.board.call(call_id).bridged_to == "page"
            page.board.live()[0].hangup()
            await other.ended()


async def test_the_call_of_a_page_that_is_gone_for_long_is_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.web.calls.GRACE", 0.2)
    async with served() as page, PagePeer(page.http, page.url, TOKEN) as person:
        call = page.board.call(await person.offer("/calls?to=loop:ann"))
        await person.leave()
        report = await call.wait_ended()
        assert report.ending.reason is EndReason.HANGUP_BOT
        assert "was gone" in report.ending.detail


async def test_a_page_calls_the_agent_over_the_browser_line() -> None:
    async with served(answer="auto") as page, PagePeer(page.http, page.url, TOKEN) as person:
        call: Call = page.board.call(await person.offer("/calls"))
        assert (call.line, call.peer, call.bridged_to) == ("browser", "page", None)
        call.set_mouth(lambda now: SILENCE)
        call.hangup()
        await person.ended()


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/calls?to=nowhere", 409, "no line knows"),
        ("/calls/unknown", 409, "there is no call"),
    ],
)
async def test_what_can_not_be_called_is_said(path: str, status: int, words: str) -> None:
    async with served() as page, PagePeer(page.http, page.url, TOKEN) as person:
        refused = await person.refused(path)
        assert (refused.status, words in refused.detail, bool(refused.remedy)) == (status, True, True)


async def test_the_sound_of_messages_goes_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MessageStore(tmp_path / "messages")
    async with served(messenger=Messenger(store, lambda event: None)) as page:
        kept = message_of_sound(store, [SILENCE] * 50, datetime.now(UTC), RecorderOptions(), "silence")
        assert kept.metadata is not None
        path = f"/messages/{kept.metadata.id}"
        assert await page.status_of("GET", path) == 401
        async with page.http.get(f"{page.url}{path}", headers=HEADERS) as response:
            assert (response.status, response.content_type) == (200, "audio/ogg")
            assert (await response.read()).startswith(b"OggS")
        assert await page.status_of("GET", "/messages/unknown", headers=HEADERS) == 404
        assert await page.status_of("POST", "/messages?to=ann", data=b"x") == 401
        async with page.http.post(f"{page.url}/messages?to=ann", headers=HEADERS, data=b"x") as response:
            problem = await response.json()
        assert (response.status, "no line carries messages to 'ann'" in problem["detail"]) == (409, True)
        assert (
            await page.status_of("POST", "/messages?to=ann", headers=HEADERS, data=io.BytesIO(bytes(MOST_BYTES + 1)))
            == 413
        )
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no folder"))
        async with page.http.post(f"{page.url}/messages?to=ann", headers=HEADERS, data=b"x") as response:
            assert (response.status, (await response.json())["error"]) == (507, "no-room")


async def test_a_daemon_without_messages_says_so() -> None:
    async with served() as page:
        assert await page.status_of("GET", "/messages/any", headers=HEADERS) == 404

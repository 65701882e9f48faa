"""What the browser line says over HTTP: refusals with a status and advice, and who may call at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from hullo.lines.browser.guard import OpenToEverybody
from hullo.lines.browser.line import BrowserLine
from hullo.lines.line import CallFailed, Ending, EndReason
from hullo.rtc.clock import MediaClock
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import Setup, StreamIdentity
from hullo.rtc.sdp import build_offer
from tests.lines.calls import BYE, DEADLINE, Listening, listening, local_line

SDP = {"Content-Type": "application/sdp"}
TOKEN = "correct horse"
ORIGIN = "https://phone.example"


@asynccontextmanager
async def an_offer() -> AsyncIterator[str]:
    """The SDP of a caller that is really there."""
    connection = RtcConnection(controlling=True, setup=Setup.ACTPASS)
    try:
        await connection.gather()
        yield build_offer(connection.local_description(), StreamIdentity(1, "c"), session_id=1)
    finally:
        await connection.close()


@asynccontextmanager
async def guarded_line() -> AsyncIterator[Listening]:
    async with (
        MediaClock(freeze_gc=False) as clock,
        listening(BrowserLine("127.0.0.1", 0, clock=clock, token=TOKEN, origins=[ORIGIN])) as line,
    ):
        yield line


async def ask(method: str, url: str, **options: Any) -> tuple[int, dict[str, str], dict[str, str]]:
    """Status, headers, and the JSON body (empty if it is none)."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as session,
        session.request(method, url, **options) as response,
    ):
        body = await response.read()
        is_json = response.content_type == "application/json"
        return response.status, dict(response.headers), json.loads(body) if is_json else {}


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (EndReason.DECLINED, 403),
        (EndReason.BUSY, 503),
        (EndReason.NO_ANSWER, 504),
        (EndReason.FAILED, 500),
    ],
)
async def test_a_refused_call_is_told_with_its_reason_on_both_sides(reason: EndReason, status: int) -> None:
    async with local_line() as line, an_offer() as sdp:
        posting = asyncio.create_task(ask("POST", line.url, data=sdp, headers=SDP))
        await (await line.offer()).reject(Ending(reason, "not today"))
        told, _, body = await posting
        assert (told, body["error"], body["detail"]) == (status, reason.value, "not today")
        assert body["remedy"]

        dialing = asyncio.create_task(line.line.dial(line.url, lambda: None))
        await (await line.offer()).reject(Ending(reason, "not today"))
        with pytest.raises(CallFailed, match="not today") as failure:
            await dialing
        assert failure.value.ending.reason is reason


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"hello", SDP, 400, "bad-sdp"),
        (b"\xff\xfe", SDP, 400, "bad-sdp"),
        (b"", SDP, 400, "bad-sdp"),
        (b"v=0", {"Content-Type": "text/plain"}, 415, "not-sdp"),
        (b"v=0\r\n" * 40_000, SDP, 413, "too-large"),
    ],
)
async def test_a_bad_offer_is_refused_with_advice(
    body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    async with local_line() as line:
        told, _, problem = await ask("POST", line.url, data=body, headers=headers)
        assert (told, problem["error"]) == (status, error)
        assert problem["detail"]
        assert problem["remedy"]
        assert line.offers.empty()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "", 405), ("DELETE", "/nobody", 404), ("GET", "s", 404)]
)
async def test_what_is_not_there_is_said_in_json_too(method: str, path: str, status: int) -> None:
    async with local_line() as line:
        told, _, problem = await ask(method, line.url + path)
        assert told == status
        assert problem["error"]


async def test_a_caller_that_hangs_up_while_it_rings_withdraws_the_offer() -> None:
    async with local_line() as line:
        rang = asyncio.Event()
        dialing = asyncio.create_task(line.line.dial(line.url, rang.set))
        offer = await line.offer()
        await rang.wait()
        dialing.cancel()
        async with asyncio.timeout(DEADLINE):
            assert (await offer.withdrawn()).reason is EndReason.NO_ANSWER
        with pytest.raises(CallFailed):
            await offer.accept()
        await offer.reject(Ending(EndReason.DECLINED, "too late, and no harm done"))


async def test_a_call_is_accepted_once() -> None:
    async with local_line() as line, an_offer() as sdp:
        posting = asyncio.create_task(ask("POST", line.url, data=sdp, headers=SDP))
        offer = await line.offer()
        leg = await offer.accept()
        assert (await posting)[0] == 201
        with pytest.raises(CallFailed):
            await offer.accept()
        await offer.reject(Ending(EndReason.DECLINED, "no longer"))
        await leg.close(BYE)


async def test_the_caller_may_say_its_name() -> None:
    async with local_line() as line, an_offer() as sdp:
        posting = asyncio.create_task(
            ask("POST", line.url, data=sdp, headers=SDP, params={"name": "Ada \x1b[31m" + "a" * 100})
        )
        offer = await line.offer()
        assert offer.peer == "Ada [31m" + "a" * 56
        await offer.reject(Ending(EndReason.DECLINED, ""))
        await posting


async def test_a_call_that_nobody_answers_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.lines.browser.server.RING_DEADLINE", 0.05)
    async with local_line() as line, an_offer() as sdp:
        status, _, body = await ask("POST", line.url, data=sdp, headers=SDP)
        assert (status, body["error"]) == (504, "no-answer")
        assert (await (await line.offer()).withdrawn()).reason is EndReason.NO_ANSWER


async def test_only_so_many_calls_ring_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.lines.browser.server.MAX_RINGING", 1)
    async with local_line() as line, an_offer() as sdp:
        first = asyncio.create_task(ask("POST", line.url, data=sdp, headers=SDP))
        ringing = await line.offer()
        status, headers, body = await ask("POST", line.url, data=sdp, headers=SDP)
        assert (status, body["error"]) == (503, "busy")
        assert "Retry-After" in headers
        await ringing.reject(Ending(EndReason.DECLINED, ""))
        assert (await first)[0] == 403


async def test_a_caller_that_dribbles_its_offer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.lines.browser.server.BODY_DEADLINE", 0.05)

    async def dribble() -> AsyncIterator[bytes]:
        yield b"v=0"
        await asyncio.sleep(DEADLINE)

    async with local_line() as line:
        status, _, body = await ask("POST", line.url, data=dribble(), headers=SDP)
        assert (status, body["error"]) == (408, "too-slow")


async def test_a_stopping_line_refuses_what_still_rings() -> None:
    async with an_offer() as sdp:
        async with local_line() as line:
            posting = asyncio.create_task(ask("POST", line.url, data=sdp, headers=SDP))
            await line.offer()
        status, headers, body = await posting
        assert (status, body["error"]) == (503, "stopping")
        assert "Retry-After" in headers
        assert not line.line.status().ready


async def test_without_the_token_nothing_is_served() -> None:
    async with guarded_line() as line, an_offer() as sdp:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            status, answer, problem = await ask("POST", line.url, data=sdp, headers={**SDP, **headers})
            assert (status, problem["error"]) == (401, "unauthorized")
            assert answer["WWW-Authenticate"] == "Bearer"
        assert (await ask("DELETE", line.url + "/x"))[0] == 401
        assert line.offers.empty()


async def test_with_the_token_we_call_ourselves() -> None:
    async with guarded_line() as line:
        origin = line.url.removesuffix("/call")
        async with MediaClock(freeze_gc=False) as clock:
            stranger = BrowserLine("127.0.0.1", 0, clock=clock)
            with pytest.raises(CallFailed, match="401"):
                await stranger.dial(line.url, lambda: None)
            friend = BrowserLine("127.0.0.1", 0, clock=clock, dial_tokens={f"{origin}/": TOKEN})
            async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
                dialing = tasks.create_task(friend.dial(line.url, lambda: None))
                callee = await (await line.offer()).accept()
            await dialing.result().close(BYE)
            await callee.close(BYE)


@pytest.mark.parametrize("token", [None, ""])
async def test_a_line_for_other_machines_needs_a_token(token: str | None) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(OpenToEverybody, match="token"):
            BrowserLine(host, 0, clock=MediaClock(), token=token)
    for host in ("127.0.0.1", "::1", "localhost"):
        BrowserLine(host, 0, clock=MediaClock(), token=token)


async def test_pages_of_allowed_origins_may_call_and_others_may_not() -> None:
    authorized = {**SDP, "Authorization": f"Bearer {TOKEN}"}
    async with guarded_line() as line:
        status, headers, _ = await ask("OPTIONS", line.url, headers={"Origin": ORIGIN})
        assert status == 204
        assert headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Authorization" in headers["Access-Control-Allow-Headers"]
        status, headers, _ = await ask("POST", line.url, data="v=1", headers={**authorized, "Origin": ORIGIN})
        assert (status, headers["Access-Control-Allow-Origin"]) == (400, ORIGIN)
        assert headers["Access-Control-Expose-Headers"] == "Location, ETag, Link"

        status, headers, problem = await ask(
            "POST", line.url, data="v=1", headers={**authorized, "Origin": "https://evil.example"}
        )
        assert (status, problem["error"]) == (403, "wrong-origin")
        assert "Access-Control-Allow-Origin" not in headers


async def test_dns_rebinding_does_not_reach_a_line_without_a_token() -> None:
    async with local_line() as line:
        rebound = {**SDP, "Host": "evil.example", "Origin": "http://evil.example"}
        status, _, problem = await ask("POST", line.url, data="v=0", headers=rebound)
        assert (status, problem["error"]) == (403, "wrong-host")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/call", "http://[::1/call", "http:///call", "http://127.0.0.1:99999/"]
)
async def test_a_url_where_nobody_answers_is_one_clear_error(url: str) -> None:
    async with MediaClock(freeze_gc=False) as clock:
        line = BrowserLine("127.0.0.1", 0, clock=clock)
        assert line.claims(url)
        with pytest.raises(CallFailed) as failure:
            await line.dial(url, lambda: None)
        assert failure.value.ending.reason is EndReason.FAILED
        assert "http" in failure.value.ending.detail


async def test_a_line_without_address_only_places_calls() -> None:
    async with MediaClock(freeze_gc=False) as clock, local_line() as other:
        line = BrowserLine(None, clock=clock)
        running = asyncio.create_task(line.run(lambda offer: pytest.fail("nobody can call it")))
        assert line.status().ready
        assert line.status().address is None
        dialing = asyncio.create_task(line.dial(other.url, lambda: None))
        callee = await (await other.offer()).accept()
        await (await dialing).close(BYE)
        await callee.close(BYE)
        running.cancel()
        assert isinstance((await asyncio.gather(running, return_exceptions=True))[0], asyncio.CancelledError)


async def test_an_address_in_use_is_said() -> None:
    async with local_line() as line, MediaClock(freeze_gc=False) as clock:
        port = int(line.url.rsplit(":", 1)[1].split("/")[0])
        second = BrowserLine("127.0.0.1", port, clock=clock)
        with pytest.raises(OSError, match="can't take calls"):
            await second.run(lambda offer: None)

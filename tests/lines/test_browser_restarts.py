"""The path of a browser call is lost, and what its caller says of the call over HTTP."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from hullo.lines.browser.client import FRAGMENT_TYPE, CallResource, RestartRefused, post_offer
from hullo.lines.browser.leg import CalledLeg
from hullo.lines.browser.line import BrowserLine
from hullo.lines.leg import RtcLeg
from hullo.rtc.candidate import parse_candidate
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import IceServer
from hullo.rtc.sdp_fragment import SdpFragment, build_fragment
from tests.lines.calls import BYE, DEADLINE, answered, listening, local_line
from tests.lines.test_browser_http import SDP, TOKEN, an_offer, ask
from tests.rtc.test_connection import until
from tests.rtc.tones import Listener, Tone
from tests.situations.test_network_changes import break_path

FRAGMENT = SdpFragment(ufrag="abcd", pwd="p" * 22)
CANDIDATE = parse_candidate("candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host")
PATCH = {"Content-Type": FRAGMENT_TYPE, "If-Match": "*"}


class Called:
    """A call that was answered: its leg at the called side, and where the caller reaches that."""

    def __init__(self, leg: CalledLeg, url: str) -> None:
        self.leg = leg
        self.url = url


@asynccontextmanager
async def called(trickles: bool = False) -> AsyncIterator[Called]:
    """Somebody called, with all candidates or none yet, and was answered; the two never get a path."""
    async with local_line() as line, an_offer() as sdp, aiohttp.ClientSession() as http:
        if trickles:
            sdp = re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", sdp) + "a=ice-options:trickle\r\n"
        posting = asyncio.create_task(http.post(line.url, data=sdp, headers=SDP))
        leg = await (await line.offer()).accept()
        assert isinstance(leg, CalledLeg)
        response = await posting
        assert response.headers["ETag"] == '"0"'
        yield Called(leg, str(response.url.join(URL(response.headers["Location"]))))
        await leg.close(BYE)


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[RtcLeg, CalledLeg, Listener, Listener]]:
    """Caller and callee, who hear each other."""
    async with local_line() as line:
        caller, callee = await answered(line)
        assert isinstance(callee, CalledLeg)
        at_caller, at_callee = Listener(), Listener()
        caller.open(at_caller, Tone(440))
        callee.open(at_callee, Tone(1000))
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(caller.connected(), callee.connected())
        yield caller, callee, at_caller, at_callee
        await asyncio.gather(caller.close(BYE), callee.close(BYE))


async def test_a_call_that_lost_its_path_goes_on_over_another() -> None:
    async with talking() as (caller, callee, at_caller, at_callee):
        for leg in (caller, callee):
            break_path(leg._connection)
        await until(lambda: caller.reconnecting and callee.reconnecting)
        await until(lambda: not caller.reconnecting and not callee.reconnecting)
        at_caller.forget()
        at_callee.forget()
        await asyncio.gather(at_caller.hears(1000), at_callee.hears(440))
        assert "moved" in callee.report().stages


async def test_a_restart_that_leads_nowhere_leaves_the_call_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.rtc.move.ATTEMPT", 0.3)
    async with talking() as (caller, callee, _, at_callee):
        assert (await callee.restart_ice(FRAGMENT)).startswith("a=ice-ufrag:")
        assert (callee.ice_session, callee.reconnecting) == (1, True)
        callee.add_candidates(1, SdpFragment(ufrag="abcd", pwd="p" * 22, candidates=(CANDIDATE,), complete=True))
        await until(lambda: not callee.reconnecting)
        assert callee.ice_session == 0
        at_callee.forget()
        await at_callee.hears(440)
        assert "moved" not in callee.report().stages
        assert not caller.reconnecting


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (build_fragment(FRAGMENT, "0"), {"Content-Type": FRAGMENT_TYPE}, 428, "no-if-match"),
        (build_fragment(FRAGMENT, "0"), {**PATCH, "Content-Type": "application/sdp"}, 415, "not-a-fragment"),
        ("a=ice-ufrag:abcd\r\n", PATCH, 400, "bad-sdp"),
        ("a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n", PATCH, 400, "bad-sdp"),
        (build_fragment(FRAGMENT, "0"), {**PATCH, "If-Match": '"7"'}, 412, "other-session"),
        (build_fragment(FRAGMENT, "0"), {**PATCH, "If-Match": "W/x"}, 412, "other-session"),
        (build_fragment(FRAGMENT, "0"), PATCH, 409, "not-connected"),
    ],
)
async def test_a_restart_that_can_not_be_is_refused_with_advice(
    body: str, headers: dict[str, str], status: int, error: str
) -> None:
    async with called() as call:
        told, _, problem = await ask("PATCH", call.url, data=body, headers=headers)
        assert (told, problem["error"]) == (status, error)
        assert problem["remedy"]


async def test_candidates_that_follow_an_offer_are_tried() -> None:
    async with called(trickles=True) as call:
        assert call.leg.report().pairs == []
        body = build_fragment(SdpFragment(ufrag="abcd", pwd="p" * 22, candidates=(CANDIDATE,)), "0")
        status, _, _ = await ask("PATCH", call.url, data=body, headers={**PATCH, "If-Match": '"0"'})
        assert status == 204
        await until(lambda: bool(call.leg.report().pairs))


async def test_candidates_are_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.lines.browser.leg.TRICKLE_SECONDS", 0.05)
    async with called(trickles=True) as call:
        await until(lambda: call.leg._connection._agent._remote_complete)


async def test_a_caller_says_that_it_is_muted() -> None:
    async with called() as call:
        told: list[bool] = []
        call.leg.on_peer_muted = told.append
        assert call.leg.peer_muted is None
        for muted in ("true", "true", "false"):
            status, _, _ = await ask("PUT", f"{call.url}/muted", data=f'{{"muted": {muted}}}')
            assert status == 204
        assert told == [True, False]
        for nonsense in (b"yes", b'{"\xff": 1}', b'{"more": ' + b"[" * 60_000):
            status, _, problem = await ask("PUT", f"{call.url}/muted", data=nonsense)
            assert (status, problem["error"]) == (400, "bad-body")


async def test_what_is_asked_of_a_call_that_is_over_is_not_found() -> None:
    async with called() as call:
        await call.leg.close(BYE)
        for method, path in (("PATCH", ""), ("PUT", "/muted"), ("DELETE", "")):
            assert (await ask(method, call.url + path))[0] == 404


async def test_a_server_that_does_not_answer_a_restart_is_named_with_its_reason() -> None:
    async with local_line() as line, an_offer() as sdp:
        posting = asyncio.create_task(post_offer(line.url, sdp, None, lambda: None))
        leg = await (await line.offer()).accept()
        resource = await posting
        await leg.close(BYE)
        with pytest.raises(RestartRefused, match="no such call"):
            await resource.restart_ice(FRAGMENT)
    with pytest.raises(RestartRefused, match="not reached"):
        await CallResource("", URL("http://127.0.0.1:1/call/x"), None).restart_ice(FRAGMENT)


STUN = IceServer("stun:stun.example:3478")
TURN = IceServer("turn:turn.example:3478", secret="s")


async def test_callers_with_a_token_are_told_ice_servers_and_nobody_else_is() -> None:
    authorized = {**SDP, "Authorization": f"Bearer {TOKEN}"}
    async with (
        MediaClock(freeze_gc=False) as clock,
        listening(BrowserLine("127.0.0.1", 0, clock=clock, token=TOKEN, page_servers=[STUN, TURN])) as line,
        an_offer() as sdp,
    ):
        status, headers, _ = await ask("OPTIONS", line.url, headers=authorized)
        assert status == 204
        first, second = headers["Link"].split(", ")
        assert first == '<stun:stun.example:3478>; rel="ice-server"'
        assert second.startswith('<turn:turn.example:3478>; rel="ice-server"; username="')
        assert second.endswith('"; credential-type="password"')
        for stranger in ({}, {"Authorization": "Bearer wrong"}):
            for method in ("OPTIONS", "POST"):
                _, headers, _ = await ask(method, line.url, headers={**SDP, **stranger}, data=sdp)
                assert "Link" not in headers
        posting = asyncio.create_task(ask("POST", line.url, headers=authorized, data=sdp))
        leg = await (await line.offer()).accept()
        assert (await posting)[1]["Link"].startswith(first)
        await leg.close(BYE)


async def test_a_line_without_a_token_tells_nobody_ice_servers() -> None:
    async with (
        MediaClock(freeze_gc=False) as clock,
        listening(BrowserLine("127.0.0.1", 0, clock=clock, page_servers=[STUN, TURN])) as line,
    ):
        status, headers, _ = await ask("OPTIONS", line.url, headers={"Authorization": "Bearer x"})
        assert (status, "Link" in headers) == (204, False)

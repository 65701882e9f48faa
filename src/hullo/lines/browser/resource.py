"""What the caller of a leg may ask of it by its URL: trickle, restart ICE, mute, hang up (RFC 9725 4.2, 4.3)."""

import asyncio
import re
from collections.abc import Callable

import msgspec
from aiohttp import hdrs, web

from hullo.lines.browser.client import FRAGMENT_TYPE
from hullo.lines.browser.leg import CalledLeg
from hullo.lines.browser.problem import BAD_JSON, Problem
from hullo.lines.line import Ending, EndReason
from hullo.rtc.sdp import SdpError
from hullo.rtc.sdp_fragment import SdpFragment, parse_fragment

BODY_DEADLINE = 10.0

_HUNG_UP = Ending(EndReason.HANGUP_USER, "the caller hung up")
_ETAG = re.compile(r'"(\d{1,9})"')


class Muted(msgspec.Struct, frozen=True):
    """The body of a `PUT`."""

    muted: bool


class LegResources:
    """The handlers for `PREFIX/{leg}` and `PREFIX/{leg}/muted`; `find` gives a leg by its name, or None."""

    def __init__(self, find: Callable[[str], CalledLeg | None]) -> None:
        self._find = find

    async def patch(self, request: web.Request) -> web.Response:
        """`PATCH`: with `If-Match: *` an ICE restart, with an entity tag candidates of that ICE session."""
        leg = self._leg(request)
        condition = request.headers.get(hdrs.IF_MATCH)
        if condition is None:
            remedy = "send If-Match: * to restart ICE, or the ETag of the session to add candidates"
            raise Problem(428, "no-if-match", "it is not said which ICE session is meant", remedy)
        fragment = await _read_fragment(request)
        if condition.strip() != "*":
            leg.add_candidates(_session(condition), fragment)
            return web.Response(status=204)
        answer = await leg.restart_ice(fragment)
        headers = {hdrs.ETAG: etag(leg), hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(text=answer, content_type=FRAGMENT_TYPE, headers=headers)

    async def mute(self, request: web.Request) -> web.Response:
        """`PUT` to `/muted`, with `{"muted": true}` or false: whether the caller is silent on purpose."""
        leg = self._leg(request)
        try:
            told = msgspec.json.decode(await _body(request), type=Muted)
        except BAD_JSON as error:
            raise Problem(400, "bad-body", f"the body can't be read: {error}", 'send {"muted": true}') from None
        leg.say_peer_muted(told.muted)
        return web.Response(status=204)

    async def delete(self, request: web.Request) -> web.Response:
        """`DELETE`: the caller hangs up."""
        self._leg(request).hang_up(_HUNG_UP)
        return web.Response(status=200)

    def _leg(self, request: web.Request) -> CalledLeg:
        leg = self._find(request.match_info["leg"])
        if leg is None:
            raise Problem(404, "no-such-call", "there is no such call; it may have ended", "nothing is left to do")
        return leg


def etag(leg: CalledLeg) -> str:
    """The entity tag of its ICE session."""
    return f'"{leg.ice_session}"'


def _session(condition: str) -> int:
    match = _ETAG.fullmatch(condition.strip())
    if match is None:
        raise Problem(412, "other-session", "there is no such ICE session", "send the ETag of the latest answer")
    return int(match[1])


async def _read_fragment(request: web.Request) -> SdpFragment:
    if request.content_type != FRAGMENT_TYPE:
        detail = "the body is not declared as an SDP fragment"
        raise Problem(415, "not-a-fragment", detail, f"send Content-Type: {FRAGMENT_TYPE}")
    try:
        return parse_fragment((await _body(request)).decode())
    except UnicodeDecodeError:
        raise Problem(400, "bad-sdp", "the fragment is not UTF-8 text", "send lines of SDP") from None
    except SdpError as error:
        raise Problem(400, "bad-sdp", str(error), "send a=ice-ufrag, a=ice-pwd and a=candidate lines") from None


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            return await request.read()
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_DEADLINE:g} s"
        raise Problem(408, "too-slow", detail, "send the whole request at once") from None

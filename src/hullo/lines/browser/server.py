"""The called side over HTTP, after WHIP (RFC 9725): an offer is posted, rings, and is answered or refused."""

import asyncio
import logging
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from hullo.lines.browser.client import FRAGMENT_TYPE, MAX_BODY, SDP_TYPE
from hullo.lines.browser.guard import Guard
from hullo.lines.browser.ice_servers import link
from hullo.lines.browser.leg import CalledLeg
from hullo.lines.browser.problem import Problem
from hullo.lines.browser.resource import LegResources, etag
from hullo.rtc.parameters import IceServer
from hullo.rtc.sdp import Offer, SdpError, parse_offer

logger = logging.getLogger(__name__)

BODY_DEADLINE = 10.0

RING_DEADLINE = 120.0
"""Seconds; a call has its own, shorter limit."""

MAX_RINGING = 32
"""Offers that may ring at once; the next is told that the line is busy."""

MAX_NAME = 64

_WHIP = "POST an offer to /call, DELETE /call/<id> to hang up"

LegName = str
OnPosted = Callable[[LegName, Offer, str], Awaitable[str]]
"""Takes an offer and its caller's name; returns the SDP answer or raises `Problem`. Cancelled when it is withdrawn."""
FindLeg = Callable[[LegName], CalledLeg | None]
"""The leg of that name; None for one that is not there (any more)."""


class WhipServer:
    """`POST /call`, and what `LegResources` does at `/call/<id>`. `serve` is the time it listens.

    `ice_servers` are for callers to use: links in the answer to an offer, and to `OPTIONS /call`, for who has a token.
    """

    def __init__(
        self, guard: Guard, on_posted: OnPosted, find_leg: FindLeg, ice_servers: Sequence[IceServer] = ()
    ) -> None:
        self._guard = guard
        self._on_posted = on_posted
        self._find_leg = find_leg
        self._resources = LegResources(find_leg)
        self._ice_servers = tuple(ice_servers) if guard.asks_for_token else ()
        self._ringing = 0

    @asynccontextmanager
    async def serve(self, host: str, port: int, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
        """Listen, and give the port. Raises `OSError` when the address is taken. Requests are cancelled at the end."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[answering_problems(self._guard, _WHIP)])
        app.router.add_post("/call", self._post)
        app.router.add_route(hdrs.METH_OPTIONS, "/call", self._options)
        add_leg_routes(app, "/call", self._resources, self._guard)
        for path in ("/call/{leg}", "/call/{leg}/muted"):
            app.router.add_route(hdrs.METH_OPTIONS, path, self._preflight)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, ssl_context=tls)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        self._guard.check(request)
        offer = await read_offer(request)
        if self._ringing >= MAX_RINGING:
            raise Problem(503, "busy", f"{MAX_RINGING} calls are ringing already", "call again in a minute")
        call_id = secrets.token_urlsafe(16)
        self._ringing += 1
        try:
            async with asyncio.timeout(RING_DEADLINE):
                answer = await self._on_posted(call_id, offer, _caller_name(request))
        except TimeoutError:
            raise Problem(504, "no-answer", "nobody answered", "call again later") from None
        finally:
            self._ringing -= 1
        return created(answer, f"/call/{call_id}", self._find_leg(call_id), self._links())

    async def _options(self, request: web.Request) -> web.Response:
        if hdrs.AUTHORIZATION not in request.headers:  # as browsers ask before they send a token (Fetch)
            return await self._preflight(request)
        self._guard.check(request)
        return web.Response(status=204, headers={**self._links(), "Accept-Post": SDP_TYPE})

    async def _preflight(self, request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Accept-Patch": FRAGMENT_TYPE})

    def _links(self) -> dict[str, str]:
        links = link(self._ice_servers, time.time())
        return {hdrs.LINK: links, hdrs.CACHE_CONTROL: "no-store"} if links else {}


def answering_problems(guard: Guard, usage: str) -> Middleware:
    """The middleware that answers refusals as `Problem`s, and lets the pages that `guard` knows read the answers.

    `usage` says to whoever asks for something else what can be asked for.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Problem as problem:
            response = _problem_response(problem)
        except web.HTTPException as refused:
            response = _problem_response(_from_aiohttp(refused, usage))
        if not response.prepared:
            response.headers.update(guard.cors_headers(request))
        return response

    return middleware


def guarded(guard: Guard, handler: Handler) -> Handler:
    """The handler, for those whom `guard` lets in."""

    async def check_and_handle(request: web.Request) -> web.StreamResponse:
        guard.check(request)
        return await handler(request)

    return check_and_handle


def add_leg_routes(app: web.Application, prefix: str, resources: LegResources, guard: Guard) -> None:
    """Let callers reach their legs at `PREFIX/NAME`."""
    app.router.add_patch(f"{prefix}/{{leg}}", guarded(guard, resources.patch))
    app.router.add_delete(f"{prefix}/{{leg}}", guarded(guard, resources.delete))
    app.router.add_put(f"{prefix}/{{leg}}/muted", guarded(guard, resources.mute))


def created(answer: str, location: str, leg: CalledLeg | None, headers: dict[str, str]) -> web.Response:
    """The response to an offer that was answered; `leg` is None if it has ended meanwhile."""
    told = {hdrs.LOCATION: location, **headers, hdrs.CACHE_CONTROL: "no-store"}
    if leg is not None:
        told[hdrs.ETAG] = etag(leg)
    return web.Response(status=201, text=answer, content_type=SDP_TYPE, headers=told)


async def read_offer(request: web.Request) -> Offer:
    """The SDP offer that was posted. Raises `Problem`."""
    if request.content_type != SDP_TYPE:
        raise Problem(415, "not-sdp", "the body is not declared as SDP", f"send Content-Type: {SDP_TYPE}")
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            return parse_offer((await request.read()).decode())
    except TimeoutError:
        detail = f"the offer did not arrive within {BODY_DEADLINE:g} s"
        raise Problem(408, "too-slow", detail, "send the whole request at once") from None
    except UnicodeDecodeError:
        raise Problem(400, "bad-sdp", "the offer is not UTF-8 text", "send the SDP as the browser made it") from None
    except SdpError as error:
        remedy = "send a WebRTC offer with Opus audio and its candidates"
        raise Problem(400, "bad-sdp", str(error), remedy) from None


def _caller_name(request: web.Request) -> str:
    """What the caller calls itself in `?name=`: a courtesy, not an identity."""
    name = "".join(filter(str.isprintable, request.query.get("name", "")))[:MAX_NAME].strip()
    return name or "browser"


def _from_aiohttp(refused: web.HTTPException, usage: str) -> Problem:
    if isinstance(refused, web.HTTPRequestEntityTooLarge):
        return Problem(413, "too-large", f"the body is longer than {MAX_BODY} bytes", "send only the SDP offer")
    if isinstance(refused, web.HTTPMethodNotAllowed):
        return Problem(405, "wrong-method", "this is not done here", usage)
    return Problem(refused.status, "not-here", refused.reason, usage)


def _problem_response(problem: Problem) -> web.Response:
    headers = {hdrs.RETRY_AFTER: "60"} if problem.status == 503 else {}
    if problem.status == 401:
        headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    body = msgspec.json.encode(problem.body)
    return web.Response(status=problem.status, body=body, content_type="application/json", headers=headers)

"""The calling side over HTTP: POST the offer, wait while it rings, PATCH to restart ICE, DELETE to hang up."""

import logging
from types import SimpleNamespace

import aiohttp
from aiohttp import hdrs
from yarl import URL

from hullo.lines.browser.problem import ending_of
from hullo.lines.line import CallFailed, Ending, EndReason, OnRinging
from hullo.rtc.sdp import OFFERED_MID, SdpError
from hullo.rtc.sdp_fragment import SdpFragment, build_fragment, parse_fragment

logger = logging.getLogger(__name__)

SDP_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
MAX_BODY = 64 * 1024
CONNECT_DEADLINE = 5.0
RING_DEADLINE = 150.0
"""Longer than a server lets it ring; a call has its own, shorter limit."""
HANGUP_DEADLINE = 1.0
RESTART_DEADLINE = 3.0


class RestartRefused(Exception):
    """An ICE restart that the server did not answer; the message says why."""


class CallResource:
    """The call as the server knows it: its SDP answer, and the URL that changes and ends it."""

    def __init__(self, sdp: str, url: URL, token: str | None) -> None:
        self.sdp = sdp
        self._url = url
        self._token = token

    async def restart_ice(self, ours: SdpFragment) -> SdpFragment:
        """The other side of a new ICE session, within `RESTART_DEADLINE`. Raises `RestartRefused`."""
        headers = {hdrs.CONTENT_TYPE: FRAGMENT_TYPE, hdrs.IF_MATCH: "*", **_authorization(self._token)}
        body = build_fragment(ours, OFFERED_MID).encode()
        timeout = aiohttp.ClientTimeout(total=RESTART_DEADLINE)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.patch(self._url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                answer = await response.content.read(MAX_BODY)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RestartRefused(f"the server is not reached: {type(error).__name__}") from error
        if response.status != 200:
            raise RestartRefused(ending_of(response.status, answer).detail)
        try:
            return parse_fragment(answer.decode(errors="replace"))
        except SdpError as error:
            raise RestartRefused(f"an unusable answer: {error}") from None

    async def delete(self) -> None:
        """Hang up; within `HANGUP_DEADLINE`, never raises: the media path says goodbye too."""
        timeout = aiohttp.ClientTimeout(total=HANGUP_DEADLINE)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                await session.delete(self._url, headers=_authorization(self._token), allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.info("a hang-up did not reach the server: %s", type(error).__name__)


async def post_offer(url: str, sdp: str, token: str | None, on_ringing: OnRinging) -> CallResource:
    """Call `url` and return its answer. Raises `CallFailed`; cancelling withdraws the offer.

    `on_ringing` is called when the request has left us whole: from then on it is up to somebody there.
    """
    try:
        async with _session(on_ringing) as session:
            headers = {hdrs.CONTENT_TYPE: SDP_TYPE, **_authorization(token)}
            async with session.post(url, data=sdp.encode(), headers=headers, allow_redirects=False) as response:
                return CallResource(*await _answer(response), token)
    except aiohttp.InvalidURL:
        raise _failed(f"{url} is no URL to call; it looks like http://host:port/call") from None
    except aiohttp.ClientConnectorError as error:
        raise _failed(f"nobody listens at {url}; is hullo serve running there?") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _failed(f"the connection to {url} broke before it answered ({type(error).__name__})") from error


def _session(on_ringing: OnRinging) -> aiohttp.ClientSession:
    async def sent(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
        on_ringing()

    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(sent)  # the offer is one chunk
    timeout = aiohttp.ClientTimeout(total=RING_DEADLINE, sock_connect=CONNECT_DEADLINE)
    return aiohttp.ClientSession(timeout=timeout, trace_configs=[trace])


async def _answer(response: aiohttp.ClientResponse) -> tuple[str, URL]:
    body = await response.content.read(MAX_BODY + 1)
    if response.status != 201:
        raise CallFailed(ending_of(response.status, body[:MAX_BODY]))
    location = response.headers.get(hdrs.LOCATION)
    if response.content_type != SDP_TYPE or len(body) > MAX_BODY or location is None:
        raise _failed("the server answered, but not as a WHIP server does (RFC 9725: 201, Location, application/sdp)")
    resource = response.url.join(URL(location))
    if resource.origin() != response.url.origin():
        raise _failed("the server names another server as the place of the call, which is not followed")
    return body.decode(errors="replace"), resource


def _authorization(token: str | None) -> dict[str, str]:
    return {} if token is None else {hdrs.AUTHORIZATION: f"Bearer {token}"}


def _failed(detail: str) -> CallFailed:
    return CallFailed(Ending(EndReason.FAILED, detail))

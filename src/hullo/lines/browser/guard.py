"""Who may use the HTTP side of the browser line: bearer token, Host and Origin (RFC 9725 4.9, RFC 6750, Fetch)."""

import hmac
from collections.abc import Collection
from ipaddress import ip_address

from aiohttp import hdrs, web
from yarl import URL

from hullo.lines.browser.origin import origin_of
from hullo.lines.browser.problem import Problem

ALLOWED_HEADERS = "Authorization, Content-Type, If-Match"
ALLOWED_METHODS = "POST, PATCH, PUT, DELETE, OPTIONS"
EXPOSED_HEADERS = "Location, ETag, Link"
TOKEN_PROTOCOL = "token."
"""A page can set no headers on a WebSocket: there the token comes as a subprotocol of this beginning."""


class OpenToEverybody(ValueError):
    """A line would be reachable from other machines without a token."""


class Guard:
    """Lets requests in. Raises `OpenToEverybody` for an address other than loopback without a token, and `ValueError`
    for an origin that is none.
    """

    def __init__(self, host: str, token: str | None, origins: Collection[str]) -> None:
        if not token and not is_loopback(host):
            raise OpenToEverybody(
                f"the browser line would listen on {host}, where anybody could call;"
                " give it a token, or bind it to 127.0.0.1"
            )
        self._token = token or None
        self._origins = frozenset(map(origin_of, origins))

    @property
    def asks_for_token(self) -> bool:
        """Whether those who are let in have shown a token."""
        return self._token is not None

    def check(self, request: web.Request) -> None:
        """Raises `Problem` for a request that may not be served."""
        self._check_host(request)
        self._check_origin(request)
        if self._token is not None and not self._has_token(request, self._token):
            raise Problem(
                401, "unauthorized", "the bearer token is missing or wrong", "send Authorization: Bearer TOKEN"
            )

    def cors_headers(self, request: web.Request) -> dict[str, str]:
        """What lets a page of an allowed origin read the response; nothing for any other."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or origin not in self._origins:
            return {}
        return {
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ALLOWED_METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ALLOWED_HEADERS,
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: EXPOSED_HEADERS,
            hdrs.VARY: hdrs.ORIGIN,
        }

    def _check_host(self, request: web.Request) -> None:
        # Without a token, loopback is the protection, and DNS rebinding would be the way around it.
        if self._token is None and not is_loopback(_asked_at(request).host or ""):
            raise Problem(
                403, "wrong-host", "this line is for callers on this machine", "call http://127.0.0.1 or set a token"
            )

    def _check_origin(self, request: web.Request) -> None:
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or origin in self._origins or origin == str(_asked_at(request)):
            return
        raise Problem(403, "wrong-origin", "pages of this origin may not call", "add the origin to the allowed ones")

    def _has_token(self, request: web.Request, token: str) -> bool:
        return hmac.compare_digest(_given_token(request).encode(errors="surrogateescape"), token.encode())


def _asked_at(request: web.Request) -> URL:
    """The origin that the request takes us for; empty where its Host is none."""
    try:
        return request.url.origin()
    except ValueError:
        return URL()


def _given_token(request: web.Request) -> str:
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    protocols = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")
    named = (protocol.strip() for protocol in protocols)
    return next((name.removeprefix(TOKEN_PROTOCOL) for name in named if name.startswith(TOKEN_PROTOCOL)), "")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

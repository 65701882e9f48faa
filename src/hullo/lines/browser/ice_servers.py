"""The STUN and TURN servers that a caller is told to use: as a page's configuration, and as links (RFC 9725 4.6)."""

from collections.abc import Iterable

import msgspec

from hullo.rtc.parameters import IceServer


class PageIceServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An `RTCIceServer` (W3C WebRTC 4.2.2)."""

    urls: str
    username: str | None = None
    credential: str | None = None


class PageConfiguration(msgspec.Struct, frozen=True, rename="camel"):
    """What `new RTCPeerConnection` and `setConfiguration` take."""

    ice_servers: tuple[PageIceServer, ...]


def configuration(servers: Iterable[IceServer], now: float) -> bytes:
    """The servers as JSON, with logins from `now`, Unix time, on; only for who may have those."""
    return msgspec.json.encode(PageConfiguration(tuple(_for_page(server, now) for server in servers)))


def link(servers: Iterable[IceServer], now: float) -> str:
    """The same as the value of a Link header (RFC 8288); empty without servers."""
    return ", ".join(_link(_for_page(server, now)) for server in servers)


def _for_page(server: IceServer, now: float) -> PageIceServer:
    if not server.is_turn:
        return PageIceServer(server.url)
    login = server.login(now)
    return PageIceServer(server.url, login.username, login.credential)


def _link(server: PageIceServer) -> str:
    value = f'<{server.urls}>; rel="ice-server"'
    if server.username is None or server.credential is None:
        return value
    username, credential = _quoted(server.username), _quoted(server.credential)
    return f'{value}; username={username}; credential={credential}; credential-type="password"'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

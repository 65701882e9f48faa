"""The files of the page, and the headers that keep anything else out of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from aiohttp import hdrs, web

CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

HEADERS = {
    hdrs.CONTENT_SECURITY_POLICY: "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "media-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Permissions-Policy": "microphone=(self), speaker-selection=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""With every response: nothing from elsewhere, nothing inline, not in a frame (CSP Level 3, Trusted Types)."""


@dataclass(frozen=True)
class Asset:
    """One file: what it holds, and its entity tag (RFC 9110 8.8.3)."""

    body: bytes
    content_type: str
    etag: str


def load_assets() -> dict[str, Asset]:
    """Every file of the page by its path, `/` for the page itself."""
    assets = {f"/{path}": _asset(path, file) for path, file in _walk(files("hullo.web").joinpath("static"), "")}
    assets["/"] = assets.pop("/index.html")
    return assets


def respond(asset: Asset, request: web.Request) -> web.Response:
    """The file, or that the browser has it already: it asks each time, so that a new version is seen at once."""
    headers = {hdrs.ETAG: asset.etag, hdrs.CACHE_CONTROL: "no-cache"}
    if request.headers.get(hdrs.IF_NONE_MATCH) == asset.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers)


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _walk(entry, f"{path}/")
        elif PurePosixPath(path).suffix in CONTENT_TYPES:
            yield path, entry


def _asset(path: str, file: Traversable) -> Asset:
    body = file.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    return Asset(body, CONTENT_TYPES[PurePosixPath(path).suffix], etag)

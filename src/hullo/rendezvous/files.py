"""Sealed files over HTTP: resumed after a lost connection in both directions.

HEAD tells how much of an upload has come, PATCH with `Upload-Offset` appends to it (after
draft-ietf-httpbis-resumable-upload), GET with `Range` (RFC 9110 14) reads a file that is whole.
"""

import logging
import re

from aiohttp import web

from hullo.rendezvous.storage import Storage, StorageRefused, StoredFile, UnknownFile, WrongOffset

logger = logging.getLogger(__name__)

FILES_FOLDER = "files"
"""Below the path of the WebSocket."""
OFFSET = "Upload-Offset"

_BLOCK = 1 << 16
_STATUS = {"too-big": 413, "full": 507, "quota": 507}


class FileHandlers:
    """Answers for the files of one storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self, below: str) -> list[web.RouteDef]:
        """What it answers to."""
        path = f"{below}/{FILES_FOLDER}/{{file}}"
        return [
            web.head(path, self._head),
            web.patch(path, self._patch),
            web.get(path, self._get, allow_head=False),
        ]

    async def _head(self, request: web.Request) -> web.StreamResponse:
        stored = self._writable(request)
        return web.Response(headers={OFFSET: str(self._received(stored)), "Cache-Control": "no-store"})

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        stored = self._writable(request)
        offset = _offset(request)
        try:
            async for block in request.content.iter_chunked(_BLOCK):  # what came before a break is kept
                offset = self._storage.append(stored, offset, block)
        except WrongOffset as error:
            return web.Response(status=409, headers={OFFSET: str(error.received)})
        except StorageRefused as refused:
            return web.Response(status=_STATUS[refused.code], text=str(refused))
        except UnknownFile:
            raise web.HTTPNotFound from None
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400)  # nobody is there any more to read it
        except OSError as error:
            logger.error("a file can't be written: %s", error.strerror)
            return web.Response(status=507, text="the disk of the rendezvous refuses the file; try again later")
        return web.Response(status=204, headers={OFFSET: str(offset)})

    async def _get(self, request: web.Request) -> web.StreamResponse:
        stored = self._found(request)
        if self._received(stored) < stored.size:
            raise web.HTTPNotFound
        return web.FileResponse(
            stored.path, headers={"Cache-Control": "no-store", "Content-Type": "application/octet-stream"}
        )

    def _found(self, request: web.Request) -> StoredFile:
        try:
            return self._storage.find(request.match_info["file"])
        except UnknownFile:
            raise web.HTTPNotFound from None

    def _writable(self, request: web.Request) -> StoredFile:
        scheme, _, ticket = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not self._storage.may_write(request.match_info["file"], ticket):
            raise web.HTTPUnauthorized
        return self._found(request)

    def _received(self, stored: StoredFile) -> int:
        try:
            return stored.received
        except UnknownFile:
            raise web.HTTPNotFound from None


def _offset(request: web.Request) -> int:
    offset = parse_offset(request.headers.get(OFFSET, ""))
    if offset is None:
        raise web.HTTPBadRequest(text=f"{OFFSET} is missing")
    return offset


def parse_offset(text: str) -> int | None:
    """The number of bytes that a header `OFFSET` tells; None if it tells none that a file can have."""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None

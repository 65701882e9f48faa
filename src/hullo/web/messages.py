"""The sound of voice messages, to a page and from it; everything else about them goes over JSON-RPC."""

import asyncio
import tempfile
from pathlib import Path

import msgspec
from aiohttp import hdrs, web

from hullo.lines.browser.problem import Problem
from hullo.messages.errors import MessageError
from hullo.messages.info import info
from hullo.messages.messenger import Messenger
from hullo.messages.store import StoredMessage

MOST_BYTES = 16 * 1024 * 1024
"""Of a recording: an hour as browsers encode speech."""

BODY_SECONDS = 60.0


class PageMessages:
    """`GET /messages/ID` gives the sound as Ogg Opus, `POST /messages?to=ADDRESS` sends what the body holds.

    The body is a sound file of any format. `messenger` is None where voice messages are off.
    """

    def __init__(self, messenger: Messenger | None) -> None:
        self._messenger = messenger

    async def sound(self, request: web.Request) -> web.StreamResponse:
        """`GET /messages/ID`. Raises `Problem`."""
        store = self._in_use().store
        try:
            found = await asyncio.to_thread(store.find, request.match_info["message_id"])
        except MessageError as error:
            raise Problem(404, "no-such-message", str(error), "message.list shows the messages") from None
        headers = {hdrs.CONTENT_TYPE: "audio/ogg", hdrs.CACHE_CONTROL: "no-store"}
        return web.FileResponse(found.path, headers=headers)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """`POST /messages?to=ADDRESS`: 201 when it is on its way. Raises `Problem`."""
        messenger, to = self._in_use(), request.query.get("to", "")
        body = await _body(request)
        try:
            sent = await _send(messenger, to, body)
        except OSError as error:
            words = f"the recording can't be kept: {error.strerror or error}"
            raise Problem(507, "no-room", words, "make room on the daemon's machine, and send it again") from None
        return web.Response(status=201, body=msgspec.json.encode(info(sent)), content_type="application/json")

    def _in_use(self) -> Messenger:
        if self._messenger is None:
            raise Problem(404, "no-messages", "this daemon keeps no voice messages", "turn [messages] on")
        return self._messenger


async def _send(messenger: Messenger, to: str, sound: bytes) -> StoredMessage:
    """Raises `Problem`, and `OSError` when the disk takes no more."""
    with tempfile.TemporaryDirectory(prefix="hullo-") as folder:  # mode 0700
        path = Path(folder) / "recording"
        await asyncio.to_thread(path.write_bytes, sound)
        try:
            return await messenger.send_file(to, path)
        except MessageError as error:
            words = str(error).replace(str(path), "the recording")
            raise Problem(409, "not-sent", words, "message.list shows what was sent") from None


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > MOST_BYTES:
                    raise Problem(413, "too-large", f"the recording is longer than {MOST_BYTES} bytes", "send less")
    except TimeoutError:
        detail = f"the recording did not arrive within {BODY_SECONDS:g} s"
        raise Problem(408, "too-slow", detail, "send it again") from None
    return bytes(body)

"""Sealed files at the rendezvous, over HTTP beside its WebSocket; see `hullo.rendezvous.files`."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import aiohttp
from typing_extensions import override
from yarl import URL

from hullo.lines.direct.channel import ChannelError, ChannelRefused, Place, SealedFiles
from hullo.rendezvous.files import FILES_FOLDER, OFFSET, parse_offset

CONNECT_DEADLINE = 10.0
SILENCE_DEADLINE = 20.0
REQUEST_DEADLINE = 600.0

_BLOCK = 1 << 15
_FINAL = (400, 401, 404, 413, 507)
"""What will not be otherwise the next time."""


class RendezvousFiles(SealedFiles):
    """Used while `open` lasts. `reserve` asks for room over the device's own connection."""

    def __init__(self, node: Callable[[], URL | None], reserve: Callable[[int], Awaitable[Place]]) -> None:
        """`node` gives the address of the one that we are connected to, or were last."""
        self._node = node
        self._reserve = reserve
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connections can be made, until the end of the block."""
        timeout = aiohttp.ClientTimeout(
            total=REQUEST_DEADLINE, sock_connect=CONNECT_DEADLINE, sock_read=SILENCE_DEADLINE
        )
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            self._session = session
            try:
                yield
            finally:
                self._session = None

    @override
    async def reserve(self, size: int) -> Place:
        """See `SealedFiles.reserve`."""
        return await self._reserve(size)

    @override
    async def received(self, place: Place) -> int:
        """See `SealedFiles.received`."""
        async with self._answer("HEAD", place.file, headers=_ticket(place)) as answer:
            return _offset(answer)

    @override
    async def append(self, place: Place, offset: int, blocks: AsyncIterator[bytes]) -> None:
        """See `SealedFiles.append`."""
        headers = {**_ticket(place), OFFSET: str(offset), "Content-Type": "application/octet-stream"}
        async with self._answer("PATCH", place.file, headers=headers, data=blocks):
            pass

    @override
    async def read(self, file: str, begin: int, end: int) -> AsyncGenerator[bytes, None]:
        """See `SealedFiles.read`."""
        headers = {"Range": f"bytes={begin}-{end - 1}", "Accept-Encoding": "identity"}
        left = end - begin
        async with self._answer("GET", file, headers=headers) as answer:
            if answer.status != 206:
                raise ChannelError("the rendezvous gives another part of the message than was asked for")
            try:
                async for block in answer.content.iter_chunked(_BLOCK):
                    yield block[:left]
                    left -= len(block)
                    if left <= 0:
                        return
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                raise ChannelError("the connection to the rendezvous broke") from None

    def _url(self, file: str) -> URL:
        url = self._node()
        if url is None:
            raise ChannelError("not connected to the rendezvous yet")
        return url.with_scheme("https" if url.scheme == "wss" else "http") / FILES_FOLDER / file

    @asynccontextmanager
    async def _answer(
        self, method: str, file: str, *, headers: dict[str, str], data: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise ChannelError("not connected to the rendezvous yet")
        try:
            asking = await self._session.request(
                method, self._url(file), headers=headers, data=data, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ChannelError(f"the rendezvous can't be reached ({type(error).__name__})") from None
        async with asking as answer:
            if answer.status >= 300:
                await _refused(answer)
            yield answer


def _ticket(place: Place) -> dict[str, str]:
    return {"Authorization": f"Bearer {place.ticket}"}


def _offset(answer: aiohttp.ClientResponse) -> int:
    offset = parse_offset(answer.headers.get(OFFSET, ""))
    if offset is None:
        raise ChannelError("the rendezvous does not tell how much of the file it has")
    return offset


async def _refused(answer: aiohttp.ClientResponse) -> NoReturn:
    if answer.status == 404:
        raise ChannelRefused("the rendezvous does not have the file (any more)")
    if answer.status in _FINAL:
        try:
            detail = (await answer.content.read(500)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError):
            detail = ""
        raise ChannelRefused(f"the rendezvous refuses the file: {detail or answer.reason}")
    raise ChannelError(f"the rendezvous answers with status {answer.status}")

"""A server on a real Unix socket, and a small client of it."""

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Self

from hullo.audio.devices.devices import Devices
from hullo.audio.processing import ProcessingSettings
from hullo.call.limits import Limits
from hullo.call.switchboard import Switchboard
from hullo.messages.messenger import Messenger
from hullo.service.audio_desk import AudioDesk
from hullo.service.framing import Deframer, Framing, frame
from hullo.service.history import CallHistory
from hullo.service.message_desk import MessageDesk
from hullo.service.server import RpcServer
from hullo.service.unix_socket import listening
from hullo.speech.service import SpeechService
from tests.service.loopback_line import LoopbackLine

Json = dict[str, Any]

UNPROCESSED = ProcessingSettings(
    echo_cancellation=False, noise_suppression=False, automatic_gain=False, high_pass=False
)


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="hullo-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


class Running:
    """A server with a loopback line."""

    def __init__(self, path: Path, line: LoopbackLine, board: Switchboard, server: RpcServer) -> None:
        self.path = path
        self.line = line
        self.board = board
        self.server = server


@contextlib.asynccontextmanager
async def running(
    *,
    answer: str = "ask",
    speech: SpeechService | None = None,
    max_clients: int = 256,
    calls: int = 20,
    path: Path | None = None,
    history: CallHistory | None = None,
    devices: Devices | None = None,
    messages: Callable[[Switchboard], Messenger] | None = None,
) -> AsyncIterator[Running]:
    """A server that listens, at a path of its own if none is given, with a deadline for the whole test."""
    line = LoopbackLine()
    board = Switchboard([line], speech=speech, limits=Limits(calls=calls), answer=answer)
    with short_directory() as directory, listening(path or directory / "s") as listener:
        kept = CallHistory(0) if history is None else history
        audio = None if devices is None else AudioDesk(devices, board, processing=UNPROCESSED)
        messenger = None if messages is None else messages(board)
        desk = None if messenger is None or devices is None else MessageDesk(messenger, devices, board)
        server = RpcServer(
            board,
            speech,
            history=kept,
            audio=audio,
            messages=messenger,
            message_desk=desk,
            max_clients=max_clients,
        )
        async with (
            asyncio.timeout(60),
            audio or contextlib.nullcontext(),
            desk or contextlib.nullcontext(),
            server,
            kept.keeping(board),
            board,
        ):
            await server.listen(listener)
            yield Running(path or directory / "s", line, board, server)


class SocketClient:
    """Sends requests, and keeps what comes back apart: answers by id, notifications in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framing: Framing) -> None:
        self.reader = reader
        self.writer = writer
        self.notifications: list[Json] = []
        self._framing = framing
        self._deframer = Deframer(limit=1 << 23)
        self._waiting: list[Any] = []
        self._last_id = 0

    @classmethod
    async def connect(cls, path: Path, framing: Framing = Framing.NEWLINE) -> Self:
        """Connect; the caller closes."""
        return cls(*await asyncio.open_unix_connection(str(path)), framing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def send(self, message: bytes) -> None:
        """Send bytes as one message."""
        self.writer.write(frame(message, self._framing))
        await self.writer.drain()

    async def receive(self) -> Any:
        """The next message of any kind. Raises `EOFError` when the server has closed."""
        while not self._waiting:
            data = await self.reader.read(65536)
            if not data:
                raise EOFError
            for item in self._deframer.feed(data):
                assert isinstance(item, bytes), item
                self._waiting.append(json.loads(item))
        return self._waiting.pop(0)

    async def request(self, method: str, params: Any = None) -> Json:
        """The response to one request; notifications that come before it are kept."""
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        await self.send(json.dumps(message if params is None else {**message, "params": params}).encode())
        async with asyncio.timeout(30):
            while True:
                answer = await self.receive()
                if isinstance(answer, dict) and "method" in answer:
                    self.notifications.append(answer)
                else:
                    assert answer["id"] == self._last_id
                    return dict(answer)

    async def result(self, method: str, params: Any = None) -> Any:
        """The result of one request, which must succeed."""
        answer = await self.request(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, method: str, params: Any = None) -> Json:
        """The error of one request, which must fail, and say what to do."""
        answer = await self.request(method, params)
        assert "result" not in answer, answer
        assert answer["error"]["data"]["hint"]
        return dict(answer["error"])

    async def until(self, name: str) -> Json:
        """The params of the next notification of that name."""
        async with asyncio.timeout(30):
            while True:
                kept = [one for one in self.notifications if one["method"] == name]
                if kept:
                    self.notifications.remove(kept[0])
                    return dict(kept[0]["params"])
                answer = await self.receive()
                assert "method" in answer, answer
                self.notifications.append(answer)

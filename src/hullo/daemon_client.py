"""Talks JSON-RPC to a running daemon, for commands and programs that steer it."""

import asyncio
import itertools
import json
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_LINE_LIMIT = 4 * 1024 * 1024
_KEPT = 10_000
"""Notifications that wait for `notification`; the oldest go first."""


class DaemonError(Exception):
    """The daemon can't be reached, or refused a request; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NoDaemon(DaemonError):
    """Nobody listens at the socket."""


class DaemonGone(DaemonError):
    """The connection has ended; nothing more comes over it."""


class DaemonClient:
    """One connection to a daemon's socket; an asynchronous context manager. Tasks may ask at the same time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._notifications: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._arrived = asyncio.Event()
        self._gone: DaemonGone | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                self._reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=_LINE_LIMIT)
        except FileNotFoundError:
            raise NoDaemon(f"no daemon listens at {self._path}", "start one: hullo serve") from None
        except ConnectionRefusedError:
            raise NoDaemon(f"the daemon of {self._path} is gone", "start it again: hullo serve") from None
        except PermissionError:
            raise DaemonError(f"{self._path} belongs to another user", "run this as the user of the daemon") from None
        except TimeoutError:
            raise DaemonError(f"the daemon at {self._path} does not answer", "look at its log") from None
        self._reading = asyncio.create_task(self._read(), name="daemon client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()

    async def request(self, method: str, **params: Any) -> Any:
        """The result of a method. Raises `DaemonError` with the daemon's own words."""
        if self._gone is not None:
            raise self._gone
        request_id = next(self._ids)
        answered = self._answers[request_id] = asyncio.get_running_loop().create_future()
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self._writer.write(json.dumps(message).encode() + b"\n")
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await answered
        except TimeoutError:
            problem = f"the daemon did not answer {method} within {_ANSWER_SECONDS:g} s"
            raise DaemonError(problem, "look at its log") from None
        finally:
            del self._answers[request_id]
        if "error" in answer:
            raise _refusal(answer["error"])
        return answer["result"]

    async def notification(self) -> dict[str, Any]:
        """The next notification: `method` and `params`. Raises `DaemonGone` when the daemon stops."""
        while not self._notifications:
            if self._gone is not None:
                raise self._gone
            self._arrived.clear()
            await self._arrived.wait()
        return self._notifications.popleft()

    async def _read(self) -> None:
        gone = DaemonGone("the daemon closed the connection")
        try:
            while line := await self._reader.readline():
                self._take(json.loads(line))
        except (OSError, ValueError) as error:  # ValueError: no JSON, or a line beyond the limit
            gone = DaemonGone(f"the connection to the daemon broke: {error}")
        finally:
            self._end(gone)

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self._notifications.append(message)
            self._arrived.set()
        elif message.get("id") is None:  # such as: this client has read too slowly
            self._end(DaemonGone(str(_refusal(message["error"]))))
        elif (answered := self._answers.get(message["id"])) is not None and not answered.done():
            answered.set_result(message)

    def _end(self, gone: DaemonGone) -> None:
        self._gone = self._gone or gone
        self._arrived.set()
        for answered in self._answers.values():
            if not answered.done():
                answered.set_exception(self._gone)


def _refusal(error: dict[str, Any]) -> DaemonError:
    data = error.get("data")
    return DaemonError(error["message"], data.get("hint", "") if isinstance(data, dict) else "")

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


class DaemonError(Exception):
    """The daemon can't be reached, or refused a request; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DaemonClient:
    """One connection to a daemon's socket; an asynchronous context manager. For one task at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids = itertools.count(1)
        self._notifications: deque[dict[str, Any]] = deque(maxlen=10_000)

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                self._reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=_LINE_LIMIT)
        except FileNotFoundError:
            raise DaemonError(f"no daemon listens at {self._path}", "start one: hullo serve") from None
        except ConnectionRefusedError:
            raise DaemonError(f"the daemon of {self._path} is gone", "start it again: hullo serve") from None
        except PermissionError:
            raise DaemonError(f"{self._path} belongs to another user", "run this as the user of the daemon") from None
        except TimeoutError:
            raise DaemonError(f"the daemon at {self._path} does not answer", "look at its log") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()

    async def request(self, method: str, **params: Any) -> Any:
        """The result of a method. Raises `DaemonError` with the daemon's own words."""
        request_id = next(self._ids)
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self._writer.write(json.dumps(message).encode() + b"\n")
        async with asyncio.timeout(_ANSWER_SECONDS):
            while True:
                answer = await self._read()
                if answer.get("id") == request_id:
                    break
                self._notifications.append(answer)
        if "error" in answer:
            data = answer["error"].get("data")
            raise DaemonError(answer["error"]["message"], data.get("hint", "") if isinstance(data, dict) else "")
        return answer["result"]

    async def notification(self) -> dict[str, Any]:
        """The next notification: `method` and `params`. Raises `DaemonError` when the daemon stops."""
        if self._notifications:
            return self._notifications.popleft()
        return await self._read()

    async def _read(self) -> dict[str, Any]:
        line = await self._reader.readline()
        if not line:
            raise DaemonError("the daemon closed the connection")
        message: dict[str, Any] = json.loads(line)
        return message

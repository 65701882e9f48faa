"""A redis-server of our own for tests, on a Unix socket."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE = 30.0


class RedisServer:
    """A server that can be killed, started again and frozen. It keeps nothing."""

    def __init__(self, directory: Path) -> None:
        """The path of `directory` must be short, as paths of sockets are."""
        self._socket = directory / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("needs redis-server (apt-get install redis-server)")
        self._process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            cwd=self._socket.parent,
        )
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.01)

    def _answers(self) -> bool:
        """Whether it listens: its socket is there a moment before."""
        with socket.socket(socket.AF_UNIX) as trying:
            return trying.connect_ex(str(self._socket)) == 0

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def redis_server(directory: Path) -> Iterator[RedisServer]:
    """Run one until the end of the block. Skips where it is not installed."""
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()

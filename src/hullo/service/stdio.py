"""Standard input and output as the one client of a daemon that a gateway started as its child."""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from typing import BinaryIO

_IGNORED_BYTES = 4096


class StdioError(Exception):
    """Standard input or output can't carry a conversation; the message says what to do."""


async def open_stdio() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Take standard input and output for JSON-RPC.

    Afterwards file descriptor 0 is empty and 1 goes to standard error, so that nothing that prints, here or in a child
    process, gets between the messages. Raises `StdioError` where they are files.
    """
    stdin, stdout = _take(0), _take(1)
    _redirect()
    if _is_one_socket(stdin, stdout):
        os.close(stdout)
        return await asyncio.open_connection(sock=socket.socket(fileno=stdin))
    return await _pipes(os.fdopen(stdin, "rb", buffering=0), os.fdopen(stdout, "wb", buffering=0))


@contextlib.contextmanager
def until_stdin_ends(ended: asyncio.Event) -> Iterator[None]:
    """Set `ended` at the end of standard input, as it comes when the program at its other end has gone.

    What is read until then counts for nothing. Raises `StdioError` where it is a file.
    """
    loop = asyncio.get_running_loop()
    stdin = _take(0)

    def look() -> None:
        if not os.read(stdin, _IGNORED_BYTES):
            loop.remove_reader(stdin)
            ended.set()

    try:
        loop.add_reader(stdin, look)
    except OSError as error:
        os.close(stdin)
        raise StdioError("--attached wants a pipe: start the daemon from a program, or leave it out") from error
    try:
        yield
    finally:
        loop.remove_reader(stdin)
        os.close(stdin)


async def _pipes(stdin: BinaryIO, stdout: BinaryIO) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), stdout
        )
    except ValueError as error:
        raise StdioError("--stdio wants pipes, not files: start the daemon from a program, or use --socket") from error
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _take(descriptor: int) -> int:
    """A copy of a standard descriptor that child processes do not inherit."""
    try:
        return os.dup(descriptor)
    except OSError as error:
        raise StdioError(f"file descriptor {descriptor} is closed: give the daemon pipes, or use --socket") from error


def _redirect() -> None:
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)


def _is_one_socket(stdin: int, stdout: int) -> bool:
    """As super-servers and socat give it; a pipe transport would take its incoming bytes for a hang-up."""
    return stat.S_ISSOCK(os.fstat(stdin).st_mode) and os.path.sameopenfile(stdin, stdout)

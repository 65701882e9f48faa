"""Where the daemon of a command is."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from hullo.service.unix_socket import default_socket_path

SocketOption: TypeAlias = Annotated[
    Path | None, typer.Option("--socket", envvar="HULLO__RPC__SOCKET", help="the daemon's socket")
]


def socket_path(given: Path | None) -> Path:
    """The socket that was named, or the one a daemon listens at by default."""
    return given if given is not None else default_socket_path()

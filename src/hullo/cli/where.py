"""Where the daemon of a command is."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from hullo.folders import CONFIG_NAME, config_path
from hullo.service.unix_socket import default_socket_path

SocketOption: TypeAlias = Annotated[
    Path | None, typer.Option("--socket", envvar="HULLO__RPC__SOCKET", help="the daemon's socket")
]


def socket_path(given: Path | None = None) -> Path:
    """The socket that was named, or the one of the default configuration. Ends the command if that is wrong."""
    if given is not None:
        return given
    if not config_path(CONFIG_NAME).exists():
        return default_socket_path()
    from hullo.cli.config import configuration  # takes longer to load than all the rest of such a command

    return configuration(None).rpc.socket

"""`hullo tail`: what happens on a running daemon, live."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from hullo.cli.show import event_line, give_up, json_line, out
from hullo.cli.where import SocketOption, socket_path
from hullo.daemon_client import DaemonClient, DaemonError


def tail(
    socket: SocketOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Show the events of all calls until Ctrl-C."""
    try:
        asyncio.run(_follow(socket_path(socket), as_json))
    except DaemonError as error:
        give_up(error)


async def _follow(path: Path, as_json: bool) -> None:
    async with DaemonClient(path) as daemon:
        if not as_json:
            out.print(f"[dim]listening at {path}; Ctrl-C ends this[/dim]")
        while True:
            event = await daemon.notification()
            if as_json:
                json_line(event)
            else:
                out.print(event_line(event["method"], event["params"]), soft_wrap=True)

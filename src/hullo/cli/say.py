"""`hullo say`: have the agent say something in a call of a running daemon."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from hullo.cli.show import give_up, json_line, out
from hullo.cli.where import SocketOption, socket_path
from hullo.daemon_client import DaemonClient, DaemonError


def say(
    text: Annotated[str, typer.Argument(help="what to say")],
    call: Annotated[str | None, typer.Option(help="the call's id; not needed while there is only one call")] = None,
    socket: SocketOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Say TEXT in a call."""
    params = {"text": text} if call is None else {"text": text, "call_id": call}
    try:
        result = asyncio.run(_request(socket_path(socket), "call.speak", params))
    except DaemonError as error:
        give_up(error)
    if as_json:
        json_line(result)
    else:
        out.print(f"queued as {result['utterance_id']}")


async def _request(path: Path, method: str, params: dict[str, Any]) -> Any:
    async with DaemonClient(path) as daemon:
        return await daemon.request(method, **params)

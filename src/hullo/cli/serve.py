"""`hullo serve`: the daemon."""

from pathlib import Path
from typing import Annotated

import typer

from hullo.cli.config import configuration
from hullo.cli.show import fail, give_up
from hullo.service.config import Config
from hullo.service.daemon import ServeError, run


def serve(
    config: Annotated[Path | None, typer.Option(help="the TOML file; see hullo config schema")] = None,
    socket: Annotated[Path | None, typer.Option(help="listen here instead of where the configuration says")] = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="serve the parent process on standard input and output instead of a socket")
    ] = False,
    attached: Annotated[
        bool, typer.Option("--attached", help="end with the program at the other end of standard input")
    ] = False,
) -> None:
    """Take and place calls for gateways that speak JSON-RPC, until SIGTERM or Ctrl-C."""
    if stdio and attached:
        fail("--stdio ends with standard input anyway", "leave --attached out")
    if stdio and socket is not None:
        fail("--stdio and --socket are two ways to be reached", "give one of them")
    settings = configuration(config)
    if socket is not None:
        settings = _listening_at(settings, socket)
    try:
        run(settings, stdio=stdio, attached=attached)
    except ServeError as error:
        give_up(error)


def _listening_at(settings: Config, socket: Path) -> Config:
    return settings.model_copy(update={"rpc": settings.rpc.model_copy(update={"socket": socket})})

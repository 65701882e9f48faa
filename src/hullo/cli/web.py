"""`hullo web`: the phone in the browser."""

import asyncio
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from hullo.cli.config import configuration
from hullo.cli.show import give_up, out
from hullo.daemon_client import DaemonClient, DaemonError
from hullo.service.config import Config
from hullo.service.daemon import ServeError, run
from hullo.service.secret_file import SecretError, read_secret
from hullo.service.unix_socket import is_listening


def web(
    config: Annotated[Path | None, typer.Option(help="the TOML file; see hullo config schema")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="open the page in the browser of this machine")] = False,
) -> None:
    """Show the address of the phone in the browser. If no daemon runs, this is one, until Ctrl-C.

    The address holds a secret: whoever has it can call in your name.
    """
    settings = configuration(config)

    def show(address: str) -> None:
        out.print(address, soft_wrap=True, markup=False)
        if open_it:
            webbrowser.open(address)

    try:
        if is_listening(settings.rpc.socket):
            show(asyncio.run(_address(settings)))
        else:
            run(_with_page(settings), on_page=show)
    except (DaemonError, ServeError, SecretError) as error:
        give_up(error)


async def _address(settings: Config) -> str:
    """Where the daemon that runs serves the page."""
    async with DaemonClient(settings.rpc.socket) as daemon:
        page = (await daemon.request("health"))["page"]
    if page is None:
        hint = "set [web] enabled = true and start it again, or stop it: hullo web is a daemon, too"
        raise DaemonError("the daemon that runs here does not serve the page", hint)
    return f"{page}#{read_secret(settings.web.token_file)}"


def _with_page(settings: Config) -> Config:
    return settings.model_copy(update={"web": settings.web.model_copy(update={"enabled": True})})

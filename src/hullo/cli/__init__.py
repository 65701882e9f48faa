"""The command `hullo`: one file a command, imported when that command is used."""

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer

import hullo

COMMANDS = (
    "serve",
    "phone",
    "call",
    "answer",
    "say",
    "tail",
    "contacts",
    "message",
    "devices",
    "telegram",
    "web",
    "rendezvous",
    "doctor",
    "demo",
    "config",
)
"""In the order of the help. `hullo.cli.NAME` has a function of that name, or a group of commands (`typer.Typer`)."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"hullo {hullo.__version__}")
        raise typer.Exit


def application(commands: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with these commands only; importing them all takes a second."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Real one-to-one voice calls: an agent or a person gets a phone line.",
    )
    app.callback()(_options)  # also because one command alone would lose its name otherwise
    for name in commands:
        command = getattr(import_module(f"hullo.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="say which version this is", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """What can be asked without a command."""


def main() -> None:
    """Run the command line."""
    wanted = [name for name in sys.argv[1:2] if name in COMMANDS]
    try:
        application(wanted or COMMANDS)()
    except KeyboardInterrupt:
        raise SystemExit(130) from None

"""The command `hullo`: one file a command, imported when that command is used."""

import os
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer

import hullo

COMMANDS = {
    "serve": "Take and place calls for gateways that speak JSON-RPC, until SIGTERM or Ctrl-C.",
    "phone": "Call people and be called: contacts, calls, devices and history in the terminal, also over ssh.",
    "call": "Call TO, say or play something, show what is heard, and print the report of the call.",
    "answer": "Wait for one call, answer it, say or play something, show what is heard, and print the report.",
    "say": "Say TEXT in a call.",
    "tail": "Show the events of all calls until Ctrl-C.",
    "contacts": "Whom you call privately, who may ring, and whose keys you have compared.",
    "message": "Voice messages: record, send, inbox, list, play, recover, export.",
    "devices": "Microphones and speakers: list them, choose, and test them.",
    "telegram": "The Telegram account: log in, and see how it stands.",
    "web": "Show the address of the phone in the browser. If no daemon runs, this is one, until Ctrl-C.",
    "rendezvous": "Run a rendezvous for private calls, or one node of it, until SIGTERM or Ctrl-C.",
    "doctor": "Look at this machine: what works, what is missing, and how to get it.",
    "demo": "Place a real call to a daemon of our own, have a gateway answer, and show what happened and how fast.",
    "config": "What can be configured, and whether a file is right.",
}
"""In the order of the help. `hullo.cli.NAME` has a function of that name, or a group of commands (`typer.Typer`)."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"hullo {hullo.__version__}")
        raise typer.Exit


def application(commands: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with these commands only; importing them all takes seconds."""
    app = _empty()
    for name in commands:
        command = getattr(import_module(f"hullo.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def outline() -> typer.Typer:
    """The command line for its own help alone: it tells of every command, and has none."""
    app = _empty()
    for name, summary in COMMANDS.items():
        app.command(name, help=summary)(lambda: None)
    return app


def _empty() -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Real one-to-one voice calls: an agent or a person gets a phone line.",
    )
    app.callback()(_options)  # also because one command alone would lose its name otherwise
    return app


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="say which version this is", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """What can be asked without a command."""


def main() -> None:
    """Run the command line."""
    # Before anything imports numpy, whose library would start a thread for each core: no call needs them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    named = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        (application([named]) if named in COMMANDS else outline())()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:  # all is done: another Ctrl-C while the interpreter ends must not show a traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)

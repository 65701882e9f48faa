"""`hullo contacts`: whom you call, who may ring, and whose keys you have compared."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import typer
from rich.table import Table

from hullo.cli.config import configuration
from hullo.cli.show import fail, json_line, out, plain
from hullo.daemon_client import DaemonClient, DaemonError
from hullo.lines.direct.private.desk import Change, DeskError
from hullo.lines.direct.private.errors import PrivateUnavailable
from hullo.lines.direct.private.invite import InviteError, is_invite, parse_invite
from hullo.lines.direct.private.opening import create_keys, machine_name, open_private
from hullo.lines.direct.private.vault import VaultError, VaultInUse
from hullo.service.config import Config

contacts = typer.Typer(
    invoke_without_command=True, help="Whom you call privately, who may ring, and whose keys you have compared."
)

ConfigOption: TypeAlias = Annotated[Path | None, typer.Option("--config", help="the TOML file; else the default one")]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="print it as JSON")]
Name: TypeAlias = Annotated[str, typer.Argument(help="the person's name at the rendezvous")]


@contacts.callback()
def everybody(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all contacts, with the safety numbers to compare, and the calls that were missed."""
    if context.invoked_subcommand is not None:
        return
    found = _ask(configuration(config), "contact.list")
    if as_json:
        json_line(found)
        return
    out.print(_table(found["contacts"]) if found["contacts"] else "no contacts yet: hullo contacts add NAME")
    if found["missed"]:
        out.print(f"{len(found['missed'])} missed: hullo contacts missed")


@contacts.command()
def init(
    name: Annotated[str, typer.Argument(help="your name at the rendezvous")],
    device: Annotated[str | None, typer.Option(help="this device's name; else that of the machine")] = None,
    config: ConfigOption = None,
) -> None:
    """Make the keys of this device. They never leave it."""
    settings = configuration(config)
    try:
        create_keys(settings.direct, name, device or machine_name())
    except (PrivateUnavailable, VaultError, ValueError, OSError) as error:
        fail(str(error))
    out.print(f"you are [bold]{plain(name)}[/bold]; the keys are in {plain(str(settings.direct.directory))}")


@contacts.command()
def me(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show your name and your key, and the invite with which others add you."""
    own = _ask(configuration(config), "contact.list")["own"]
    if as_json:
        json_line(own)
    else:
        out.print(f"{plain(own['person'])} on {plain(own['device'])}: {own['key']}", soft_wrap=True)
        if own["invite"] is not None:
            out.print(f"your invite: {plain(own['invite'])}", soft_wrap=True)


@contacts.command()
def missed(
    config: ConfigOption = None,
    clear: Annotated[bool, typer.Option("--clear", help="and forget them")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the calls that nobody took, the latest last."""
    settings = configuration(config)
    calls = _ask(settings, "contact.list")["missed"]
    if clear:
        _ask(settings, "contact.clear_missed")
    if as_json:
        json_line(calls)
        return
    for call in calls:
        when = datetime.fromtimestamp(call["at"]).astimezone()
        out.print(f"{when:%Y-%m-%d %H:%M}  [bold]{plain(call['person'])}[/bold]  {plain(call['why'])}")
    if not calls:
        out.print("no missed calls")


@contacts.command()
def add(
    name: Annotated[str, typer.Argument(help="the person's name at the rendezvous, or their invite")],
    key: Annotated[str | None, typer.Option(help="their key, handed over safely: they are verified then")] = None,
    config: ConfigOption = None,
) -> None:
    """Make somebody a contact, so that you can call each other.

    With an invite only its key is taken for theirs. Compare the safety number, or say `verify` if they handed it over.
    """
    if not is_invite(name):
        _change(config, name, "add", key)
        return
    settings = configuration(config)
    try:
        invite = parse_invite(name)
    except InviteError as error:
        fail(str(error))
    if set(invite.rendezvous).isdisjoint(settings.direct.rendezvous):
        fail(
            f"{invite.person} is at another rendezvous, {', '.join(invite.rendezvous)}",
            "both of you need the same: [direct] rendezvous",
        )
    _ask(settings, "contact.change", person=invite.person, change="add", key=invite.key.hex())
    _change(config, invite.person, "unverify")


@contacts.command()
def remove(name: Name, config: ConfigOption = None) -> None:
    """Forget somebody, and their key."""
    _change(config, name, "remove")


@contacts.command()
def block(name: Name, config: ConfigOption = None) -> None:
    """Let nothing of theirs ring. They are not told."""
    _change(config, name, "block")


@contacts.command()
def unblock(name: Name, config: ConfigOption = None) -> None:
    """Let them ring again."""
    _change(config, name, "unblock")


@contacts.command()
def verify(name: Name, config: ConfigOption = None) -> None:
    """Say that you have compared the safety number with them, over another channel, and that it is the same."""
    _change(config, name, "verify")


@contacts.command()
def unverify(name: Name, config: ConfigOption = None) -> None:
    """Take that back."""
    _change(config, name, "unverify")


@contacts.command()
def trust(name: Name, config: ConfigOption = None) -> None:
    """Take the other key that somebody has shown. Ask them first whether they have a new device."""
    _change(config, name, "trust")


def _change(config: Path | None, name: str, change: str, key: str | None = None) -> None:
    found = _ask(configuration(config), "contact.change", person=name, change=change, key=key)
    shown = [contact for contact in found["contacts"] if contact["person"] == name]
    out.print(_table(shown) if shown else f"{plain(name)} is forgotten")


def _ask(settings: Config, method: str, **params: Any) -> Any:
    """Ask the daemon if it runs, for it holds the keys then; else look for ourselves."""
    try:
        with open_private(settings.direct) as private:
            if method == "contact.clear_missed":
                private.missed.clear()
            if params:
                private.desk.change(params["person"], Change(params["change"]), params["key"])
            own, people = msgspec.to_builtins(private.desk.own), msgspec.to_builtins(private.desk.contacts())
            return {"own": own, "contacts": people, "missed": msgspec.to_builtins(list(private.missed))}
    except VaultInUse:
        return _ask_daemon(settings.rpc.socket, method, params)
    except (PrivateUnavailable, VaultError, DeskError, OSError) as error:
        fail(str(error))


def _ask_daemon(socket: Path, method: str, params: dict[str, Any]) -> Any:
    async def ask() -> Any:
        async with DaemonClient(socket) as daemon:
            return await daemon.request(method, **params)

    try:
        return asyncio.run(ask())
    except DaemonError as error:
        fail(str(error), error.hint)


def _table(people: list[dict[str, Any]]) -> Table:
    table = Table("name", "rings", "key", "safety number", box=None, pad_edge=False)
    for person in people:
        rings = "no, blocked" if person["blocked"] else "yes" if person["contact"] else "no, a stranger"
        key = "verified" if person["verified"] else "not verified" if person["safety_number"] else "not seen yet"
        if person["key_changed"]:
            key = "[red]they showed another one[/red]"
        table.add_row(plain(person["person"]), rings, key, person["safety_number"] or "")
    return table

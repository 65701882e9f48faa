"""`hullo contacts`: whom you call, who may ring, and whose keys you have compared."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
import typer
from rich.table import Table

from hullo.cli.config import configuration
from hullo.cli.show import fail, give_up, json_line, out, plain
from hullo.daemon_client import DaemonClient, DaemonError
from hullo.lines.direct.channel import ChannelError
from hullo.lines.direct.private.desk import Change, DeskError
from hullo.lines.direct.private.errors import PrivateUnavailable
from hullo.lines.direct.private.invite import InviteError, is_invite, parse_invite
from hullo.lines.direct.private.joining import receive_handover
from hullo.lines.direct.private.linking import LinkError, NewDevice
from hullo.lines.direct.private.opening import (
    Private,
    create_keys,
    create_linked,
    machine_name,
    may_join,
    open_private,
)
from hullo.lines.direct.private.unlinking import UnlinkError
from hullo.lines.direct.private.vault import VaultError, VaultInUse
from hullo.service.config import Config

T = TypeVar("T")

_CONNECT_SECONDS = 10.0
_TELL_SECONDS = 60.0
"""For telling the contacts of a new key; who was not told sees it with the next message."""

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
        give_up(error)
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
def link(
    code: Annotated[str | None, typer.Argument(help="the code that the new device shows")] = None,
    device: Annotated[str | None, typer.Option(help="on the new device: its name; else that of the machine")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    config: ConfigOption = None,
) -> None:
    """Make one more device yours: without a code on the new one, which shows it; with the code on this one."""
    settings = configuration(config)
    if code is None:
        _join(settings, device or machine_name())
        return
    question = "That device will be you: it calls, is called and reads as you do. Is it yours, in front of you?"
    if not yes and not typer.confirm(question):
        fail("not linked")
    try:
        with open_private(settings.direct) as private:
            asyncio.run(_connected(private, lambda: private.link(code)))
    except VaultInUse:  # by the daemon, which has the keys then
        _ask_daemon(settings.rpc.socket, "contact.link", {"code": code})
    except (PrivateUnavailable, VaultError, ChannelError, LinkError, OSError) as error:
        give_up(error)
    out.print("the new device has your keys and contacts; calls ring on both")


@contacts.command()
def devices(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List your devices, as far as the rendezvous tells."""
    settings = configuration(config)
    try:
        with open_private(settings.direct) as private:
            found = asyncio.run(_connected(private, private.devices))
            here = private.channel.own.device
    except VaultInUse:
        shown = _ask_daemon(settings.rpc.socket, "contact.devices", {})
        found, here = shown["devices"], shown["here"]
    except (PrivateUnavailable, VaultError, ChannelError, OSError) as error:
        give_up(error)
    if as_json:
        json_line({"devices": found, "here": here})
        return
    for device in found:
        out.print(f"{plain(device)}{'  (this one)' if device == here else ''}")


@contacts.command()
def unlink(
    device: Annotated[str, typer.Argument(help="its name: hullo contacts devices")],
    unlisted: Annotated[bool, typer.Option("--unlisted", help="also when it is not listed there")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    config: ConfigOption = None,
) -> None:
    """Remove a device of yours, such as one that was stolen: you get a new key, which it does not.

    It rings and reads no more. Your contacts follow to the new key by themselves, and see that a device was removed.
    """
    settings = configuration(config)
    question = f"{device} will not be you any more, and safety numbers are to be compared again. Unlink it?"
    if not yes and not typer.confirm(question):
        fail("not unlinked")
    try:
        with open_private(settings.direct) as private:
            removed = asyncio.run(_connected(private, lambda: _unlink(private, device, unlisted)))
    except VaultInUse:
        removed = _ask_daemon(settings.rpc.socket, "contact.unlink", {"device": device, "unlisted": unlisted})[
            "removed"
        ]
    except (PrivateUnavailable, VaultError, ChannelError, UnlinkError, OSError) as error:
        give_up(error)
    out.print(f"{plain(device)} is unlinked; your contacts are told. You have a new invite: hullo contacts me")
    if others := [each for each in removed if each != device]:
        out.print(
            f"to be linked again, if you still have them: {plain(', '.join(others))} (hullo contacts link, there)"
        )


async def _unlink(private: Private, device: str, unlisted: bool) -> tuple[str, ...]:
    removed = await private.unlink(device, unlisted)
    with suppress(TimeoutError):
        async with asyncio.timeout(_TELL_SECONDS):
            await private.channel.contacts_told()
    return removed


def _join(settings: Config, name: str) -> None:
    try:
        if not may_join(settings.direct):
            fail("this device has keys already", "hullo contacts link CODE links another one to it")
    except (PrivateUnavailable, VaultError, OSError) as error:
        give_up(error)
    if not settings.direct.rendezvous:
        fail("rendezvous is missing in [direct]", "it is that of your other device")
    new = NewDevice()
    out.print("On the device that you have already, within five minutes:")
    out.print(f"hullo contacts link {new.code}", soft_wrap=True)
    try:
        handover = asyncio.run(receive_handover(settings.direct.rendezvous, new, lambda why: out.print(plain(why))))
        own = create_linked(settings.direct, handover, name)
    except (PrivateUnavailable, VaultError, LinkError, OSError) as error:
        give_up(error)
    people = len(handover.contacts)
    out.print(f"you are [bold]{plain(own.person)}[/bold] on {plain(own.device)}, with {people} contacts")


async def _connected(private: Private, work: Callable[[], Awaitable[T]]) -> T:
    """Do something that needs the rendezvous. Raises `ChannelError` if it can't be reached."""
    running = asyncio.create_task(private.channel.run(lambda sender, data: None, lambda notice: None))
    try:
        await _connection(private)
        return await work()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _connection(private: Private) -> None:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            while private.channel.problem() is not None:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise ChannelError(private.channel.problem() or "the rendezvous does not answer") from None


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
        give_up(error)
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
        give_up(error)


def _ask_daemon(socket: Path, method: str, params: dict[str, Any]) -> Any:
    async def ask() -> Any:
        async with DaemonClient(socket) as daemon:
            return await daemon.request(method, **params)

    try:
        return asyncio.run(ask())
    except DaemonError as error:
        give_up(error)


def _table(people: list[dict[str, Any]]) -> Table:
    table = Table("name", "rings", "key", "safety number", box=None, pad_edge=False)
    for person in people:
        rings = "no, blocked" if person["blocked"] else "yes" if person["contact"] else "no, a stranger"
        key = "verified" if person["verified"] else "not verified" if person["safety_number"] else "not seen yet"
        if person["key_changed"]:
            key = "[red]they showed another one[/red]"
        table.add_row(plain(person["person"]), rings, key, person["safety_number"] or "")
    return table

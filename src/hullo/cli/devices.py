"""`hullo devices`: microphones and speakers: list them, choose, and test them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hullo.audio.devices.device import Device, DeviceError, DeviceKind, Listing
from hullo.audio.devices.devices import Devices
from hullo.audio.devices.sides import Microphone, Speaker
from hullo.audio.tone import tone_frames
from hullo.cli.config import configuration
from hullo.cli.show import fail, give_up, json_line, out, plain
from hullo.daemon_client import DaemonClient, DaemonError, NoDaemon
from hullo.media.pcm import LOWEST_DBFS, level_dbfs
from hullo.service.config import Config

T = TypeVar("T")

ConfigOption: TypeAlias = Annotated[Path | None, typer.Option("--config", help="the TOML file; else the default one")]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="print JSON, one object a line")]
SecondsOption: TypeAlias = Annotated[float, typer.Option(min=0.5, max=3600.0, help="for how long")]

_METER_DBFS = -60.0
_METER_CELLS = 40
_TOO_QUIET_DBFS = -55.0
_UPDATE_SECONDS = 0.1

devices = typer.Typer(no_args_is_help=True, help="Microphones and speakers: list them, choose, and test them.")


@devices.command("list")
def list_devices(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List microphones and speakers: the one in use is marked."""
    settings = configuration(config)

    async def listed(ours: Devices) -> tuple[Listing, dict[DeviceKind, Device | None]]:
        return await ours.refresh(), {kind: ours.wanted(kind) for kind in DeviceKind}

    listing, used = _with_devices(settings, listed)
    if as_json:
        json_line({"microphones": listing.microphones, "speakers": listing.speakers, "used": used})
        return
    table = Table(box=None, pad_edge=False)
    for head in ("", "", "name", "id"):
        table.add_column(head, overflow="fold")
    for kind in DeviceKind:
        for device in listing.of(kind):
            mark = "[green]●[/green]" if device == used[kind] else ""
            name = plain(device.name) + (" [dim](default)[/dim]" if device.default else "")
            table.add_row(mark, kind.value, name, f"[dim]{plain(device.id)}[/dim]")
        if not listing.of(kind):
            table.add_row("", kind.value, "[yellow]none[/yellow]", "")
    out.print(table)


@devices.command()
def choose(
    kind: Annotated[DeviceKind, typer.Argument(help="which kind")],
    device: Annotated[str, typer.Argument(help="its name, a part of it, or its id; 'default' follows the system")],
    config: ConfigOption = None,
) -> None:
    """Use a device from now on, in a call that is on too. It is taken up again whenever it is plugged in."""
    settings = configuration(config)
    wanted = None if device == "default" else device
    if not _chosen_by_daemon(settings, kind, device):

        async def chosen(ours: Devices) -> None:
            await ours.choose(kind, wanted)

        _with_devices(settings, chosen)
    out.print(f"{kind.value}: {'the default of the system' if wanted is None else plain(device)}")


@devices.command("test")
def try_device(
    kind: Annotated[DeviceKind, typer.Argument(help="which kind")],
    seconds: SecondsOption = 5.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test the device in use: show how loud the microphone is, or play a tone. Ctrl-C ends it."""
    settings = configuration(config)
    try:
        if kind is DeviceKind.MICROPHONE:
            _with_devices(settings, lambda ours: _meter(ours, seconds, as_json))
        else:
            _with_devices(settings, lambda ours: _tone(ours, seconds, as_json))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _meter(ours: Devices, seconds: float, as_json: bool) -> None:
    loudest = LOWEST_DBFS
    async with Microphone(ours) as microphone:
        name = "" if microphone.device is None else microphone.device.name
        end, shown = time.monotonic() + seconds, 0.0
        with Live(console=out, transient=True, auto_refresh=False) as live:
            recent = LOWEST_DBFS
            async for frame in microphone.frames():
                now = time.monotonic()
                recent = max(recent, level_dbfs(frame))
                loudest = max(loudest, recent)
                if now - shown >= _UPDATE_SECONDS:
                    if as_json:
                        json_line({"device": name, "level_dbfs": round(recent, 1)})
                    else:
                        live.update(_bar(name, recent, loudest), refresh=True)
                    shown, recent = now, LOWEST_DBFS
                if now > end:
                    break
    if not as_json:
        heard = f"the loudest was {loudest:.0f} dBFS" if loudest > _TOO_QUIET_DBFS else _quiet(loudest)
        out.print(f"[bold]{plain(name)}[/bold]: {heard}")


def _bar(name: str, level: float, loudest: float) -> Text:
    def cells(dbfs: float) -> int:
        return round(_METER_CELLS * min(max(1 - dbfs / _METER_DBFS, 0.0), 1.0))

    lit, peak = cells(level), cells(loudest)
    text = Text(f"{level:6.1f} dBFS ")
    for cell in range(_METER_CELLS):
        colour = "red" if cell >= cells(-6) else "yellow" if cell >= cells(-18) else "green"
        text.append("█" if cell < lit else "│" if cell == peak - 1 else "·", style=colour if cell < peak else "dim")
    return text.append(f" {name}", style="dim")


def _quiet(loudest: float) -> str:
    if loudest <= LOWEST_DBFS:
        return "[yellow]silence: is it muted, or another one meant?[/yellow] hullo devices choose microphone NAME"
    return f"[yellow]very quiet, {loudest:.0f} dBFS at most:[/yellow] is it muted or far away?"


async def _tone(ours: Devices, seconds: float, as_json: bool) -> None:
    async with Speaker(ours) as speaker:
        name = "" if speaker.device is None else speaker.device.name
        if as_json:
            json_line({"device": name, "seconds": seconds})
        else:
            out.print(f"a tone of 440 Hz on [bold]{plain(name)}[/bold]")
        await speaker.play(tone_frames(seconds))


def _with_devices(settings: Config, use: Callable[[Devices], Awaitable[T]]) -> T:
    """Do something with the devices of a configuration, and say in one line what is in the way."""

    async def used() -> T:
        async with settings.audio.devices() as ours:
            return await use(ours)

    try:
        return asyncio.run(used())
    except DeviceError as error:
        fail(str(error), "docs/audio.md")
    except OSError as error:
        fail(f"the choice can't be remembered: {error}")


def _chosen_by_daemon(settings: Config, kind: DeviceKind, device: str) -> bool:
    """Have the daemon choose, if one runs that has devices: it moves its call at once."""

    async def asked() -> bool:
        try:
            async with DaemonClient(settings.rpc.socket) as client:
                await client.request("audio.choose", **{kind.value: device})
        except NoDaemon:
            return False
        return True

    if not settings.audio.enabled:
        return False
    try:
        return asyncio.run(asked())
    except DaemonError as error:
        give_up(error)

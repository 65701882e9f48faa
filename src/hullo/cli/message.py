"""`hullo message`: record voice messages, send and fetch them, and list, play, recover and export them."""

import asyncio
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.table import Table

from hullo.audio.devices.device import DeviceError
from hullo.cli.config import configuration
from hullo.cli.message_io import drawn, is_pipe, length, record_all, sound_of, wait_until_taken, write_wav
from hullo.cli.message_microphone import record_microphone
from hullo.cli.show import complain, err, fail, give_up, json_line, out, plain
from hullo.messages.errors import MessageError
from hullo.messages.metadata import Delivery, Direction, VoiceMessageMetadata
from hullo.messages.player import PlaybackEvent, PlaybackFailed, VoiceMessagePlayer
from hullo.messages.recorder import LimitNear, LimitReached, RecorderEvent, VoiceMessageRecorder
from hullo.messages.recorder_options import MAX_SECONDS, Bitrate, RecorderOptions
from hullo.messages.store import Condition, MessageStore, StoredMessage
from hullo.service.config import Config
from hullo.speech.errors import SpeechError

FolderOption: TypeAlias = Annotated[
    Path | None, typer.Option(envvar="HULLO_MESSAGES", help="where messages are; else as [messages] folder says")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="print JSON, one object a line")]

_BITRATES: dict[int, Bitrate] = {24: 24_000, 16: 16_000, 10: 10_000}

ConfigOption: TypeAlias = Annotated[Path | None, typer.Option("--config", help="the TOML file; else the default one")]
BitrateOption: TypeAlias = Annotated[int, typer.Option(help="kbit/s: 24, 16 or 10")]
LimitOption: TypeAlias = Annotated[float, typer.Option(min=1.0, help="seconds after which the message is full")]
TrimOption: TypeAlias = Annotated[bool, typer.Option("--trim", help="leave out the silence at both ends")]

message = typer.Typer(no_args_is_help=True, help="Voice messages: record, send, inbox, list, play, recover, export.")


@message.command()
def record(
    source: Annotated[
        str | None, typer.Argument(help="a sound file, or - for raw samples on stdin; else the microphone")
    ] = None,
    bitrate: BitrateOption = 24,
    limit: LimitOption = MAX_SECONDS,
    trim: TrimOption = False,
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record a voice message; Ctrl-C ends it, and keeps what came until then.

    Raw samples are 48 kHz, mono, signed 16 bit: arecord -q -t raw -f S16_LE -r 48000 | hullo message record -
    """
    settings = configuration(config)
    try:
        stored = _recorded(source, _options(bitrate, limit, trim), _store(folder, settings), settings)
    except (MessageError, SpeechError, DeviceError) as error:
        give_up(error)
    if stored is None:
        err.print("[dim]discarded[/dim]")
    else:
        _show_recorded(stored, as_json)


@message.command()
def send(
    to: Annotated[str, typer.Argument(help="a contact, or an address that a line of the daemon takes")],
    source: Annotated[
        str | None, typer.Argument(help="a sound file, or a message by its name or id, or 'last'")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="record it from the microphone")] = False,
    text: Annotated[str | None, typer.Option(help="words that the voice says")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a voice message, and show how far it comes; what can't be sent now is sent at the next chance."""
    from hullo.cli import message_mail as mail  # lines and speech take a second to load

    if sum((source is not None, record, text is not None)) != 1:
        fail("what shall be sent?", "a sound file or the name of a message, --record, or --text")
    settings = configuration(config)
    store = MessageStore(settings.messages.folder)
    try:
        what = _to_be_sent(source, store, settings) if text is None else {"text": text}
        sent = asyncio.run(mail.send(settings, to, what))
    except (*mail.ERRORS, DeviceError) as error:
        give_up(error)
    if as_json:
        json_line(sent)
    else:
        out.print(f"{sent['delivery']} to [bold]{plain(sent['peer'])}[/bold], {length(sent['duration'])}")


@message.command()
def inbox(
    wait: Annotated[float, typer.Option(min=0.1, help="seconds to wait for more after the last one")] = 3.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the voice messages that wait for you, and send what waits to be sent."""
    from hullo.cli import message_mail as mail

    found: list[dict[str, Any]] = []

    def tell(one: dict[str, Any]) -> None:
        found.append(one)
        if as_json:
            json_line(one)
        else:
            words = f"  {plain(one['transcript'])}" if one["transcript"] else ""
            out.print(
                f"{plain(Path(one['path']).name)}  {length(one['duration'])}  [bold]{plain(one['peer'])}[/bold]{words}"
            )

    try:
        asyncio.run(mail.fetch(configuration(config), wait, tell))
    except mail.ERRORS as error:
        give_up(error)
    if not found and not as_json:
        out.print("nothing new")


@message.command("list")
def list_messages(folder: FolderOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the messages, oldest first."""
    store = _store(folder, configuration(config))
    if store.folder.exists() and not store.folder.is_dir():
        fail(f"{store.folder} is not a folder")
    try:
        found = store.messages()
    except MessageError as error:
        give_up(error)
    if as_json:
        for one in found:
            json_line(one)
    elif found:
        out.print(_table(found))
        if any(one.condition is Condition.UNFINISHED for one in found):
            out.print("unfinished: hullo message recover")
    else:
        out.print(f"no messages in {plain(str(store.folder))}")


@message.command()
def play(
    name: Annotated[str, typer.Argument(help="its name or id or how they begin, 'last', or a sound file")] = "next",
    speed: Annotated[float, typer.Option(min=0.5, max=4.0, help="1.5 or 2 is faster, at the same pitch")] = 1.0,
    start: Annotated[float, typer.Option("--from", min=0.0, help="seconds from the beginning")] = 0.0,
    output: Annotated[Path | None, typer.Option(help="a WAV file to write instead")] = None,
    folder: FolderOption = None,
    config: ConfigOption = None,
) -> None:
    """Play a message as WAV on stdout: hullo message play | aplay. Without NAME the next that nobody has heard.

    What went into a pipe to its end was heard, and its sender is told; what was written to a file is only not new.
    """
    if output is None and sys.stdout.isatty():
        fail("the sound would go to the terminal", "hullo message play | aplay, or --output FILE.wav")
    settings = configuration(config)
    store = _store(folder, settings)
    try:
        stored = _unheard(store) if name == "next" else _named(store, name)
        _play(stored.path, output, speed, start)
        if output is None and is_pipe(sys.stdout.fileno()):
            wait_until_taken(sys.stdout.fileno())
            _heard(settings, store, stored)
        elif stored.metadata is not None:
            store.mark_heard(stored)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody listens any more; exit flushes stdout
    except MessageError as error:
        give_up(error)


@message.command()
def recover(folder: FolderOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Finish the messages whose recorder was killed."""
    found = []
    try:
        for one in _store(folder, configuration(config)).recover():
            found.append(one)
            if as_json:
                json_line(one)
            elif one.problem:
                complain(one.problem)
            elif one.metadata is None:
                out.print(f"{plain(one.path.name)}  removed: nothing had been recorded yet")
            else:
                out.print(f"{plain(one.path.name)}  {length(one.metadata.duration)} recovered")
    except MessageError as error:
        give_up(error)
    if not found and not as_json:
        out.print("every message is finished")
    if any(one.problem for one in found):
        raise typer.Exit(1)


@message.command()
def export(
    name: Annotated[str, typer.Argument(help="the message's name or id or how they begin, or 'last'")],
    to: Annotated[Path, typer.Argument(help="FILE.ogg or FILE.wav")],
    folder: FolderOption = None,
    config: ConfigOption = None,
) -> None:
    """Copy a message out: as it is (.ogg), or decoded (.wav)."""
    if to.suffix not in (".ogg", ".wav"):
        fail(f"a message can't be exported as '{plain(to.name)}'", "FILE.ogg and FILE.wav are possible")
    if to.exists():
        fail(f"{to} is there already", "name another file")
    try:
        stored = _store(folder, configuration(config)).find(name)
        if to.suffix == ".wav":
            _play(stored.path, to)
        else:
            shutil.copyfile(stored.path, to)
    except MessageError as error:
        give_up(error)
    except OSError as error:
        fail(f"{to} can't be written: {error.strerror}")
    out.print(f"{plain(str(to))}: {to.stat().st_size} bytes", soft_wrap=True)


def _options(bitrate: int, limit: float, trim: bool) -> RecorderOptions:
    if bitrate not in _BITRATES:
        fail(f"{bitrate} kbit/s is not possible", "24, 16 and 10 are")
    return RecorderOptions(bitrate=_BITRATES[bitrate], max_seconds=limit, trim_silence=trim)


def _recorded(
    source: str | None, options: RecorderOptions, store: MessageStore, settings: Config
) -> StoredMessage | None:
    """A new message; None if whoever recorded it thought better of it."""
    if source is None:
        return asyncio.run(record_microphone(settings.audio, store, options))
    sound = sound_of(source)
    now = datetime.now(UTC)
    path = store.new_path(now)
    described = record_all(VoiceMessageRecorder(path, options, on_event=_warn, now=now), sound)
    return StoredMessage(path=path, condition=Condition.FINISHED, metadata=described)


def _to_be_sent(source: str | None, store: MessageStore, settings: Config) -> dict[str, str]:
    """What `message.send` takes: a file, or a message that is there or is recorded now."""
    if source is not None and Path(source).is_file():
        return {"path": str(Path(source).absolute())}
    if source is not None:
        stored: StoredMessage | None = store.find(source)
    else:
        stored = asyncio.run(record_microphone(settings.audio, store, settings.messages.options()))
    if stored is None or stored.metadata is None:
        fail("there is nothing to send")
    return {"message_id": stored.metadata.id}


def _show_recorded(stored: StoredMessage, as_json: bool) -> None:
    if as_json:
        json_line(stored)
    elif stored.metadata is not None:
        described = stored.metadata
        picture = f"[dim]{drawn(described)}[/dim]"
        out.print(f"{plain(str(stored.path))}  {length(described.duration)}  {picture}", soft_wrap=True)


def _store(folder: Path | None, settings: Config) -> MessageStore:
    return MessageStore(settings.messages.folder if folder is None else folder)


def _named(store: MessageStore, name: str) -> StoredMessage:
    """A message of the folder, or any file."""
    path = Path(name)
    inside = path.parent == store.folder
    if inside or not path.is_file():
        return store.find(path.name if inside else name)
    return StoredMessage(path=path, condition=Condition.FINISHED)


def _unheard(store: MessageStore) -> StoredMessage:
    found = store.next_unheard()
    if found is None:
        heard = "has no new message: name the one to play" if store.messages() else "has no messages"
        raise MessageError(f"{store.folder} {heard}")
    return found


def _play(path: Path, output: Path | None, speed: float = 1.0, start: float = 0.0) -> None:
    """Raises `MessageError`, and `BrokenPipeError` when the listener has gone."""
    events: list[PlaybackEvent] = []
    player = VoiceMessagePlayer(path, speed=speed, on_event=events.append)
    try:
        player.seek(start)
        write_wav(player, output)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = "stdout" if output is None else output
        raise MessageError(f"{where} can't be written: {(error.strerror or str(error)).lower()}") from None
    finally:
        player.close()
    if isinstance(events[-1], PlaybackFailed):
        raise MessageError(events[-1].detail)


def _heard(settings: Config, store: MessageStore, stored: StoredMessage) -> None:
    from hullo.cli import message_mail as mail

    try:
        asyncio.run(mail.heard(settings, store, stored))
    except mail.ERRORS as error:
        give_up(error)


def _warn(event: RecorderEvent) -> None:
    match event:
        case LimitNear(remaining=remaining):
            err.print(f"[dim]full in {remaining:.0f} s[/dim]")
        case LimitReached(elapsed=elapsed):
            err.print(f"[dim]full after {length(elapsed)}[/dim]")


def _table(found: list[StoredMessage]) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in ("message", "length", "", ""):
        table.add_column(head, no_wrap=True)
    table.add_column(overflow="fold")
    for one in found:
        if one.metadata is None:
            note = "being recorded" if one.condition is Condition.RECORDING else "unfinished"
            table.add_row(plain(one.path.name), "", f"[yellow]{note}[/yellow]")
        else:
            known = one.metadata
            table.add_row(plain(one.path.name), length(known.duration), drawn(known, 25), _state(known), _peer(known))
    return table


def _state(known: VoiceMessageMetadata) -> str:
    if known.delivery is not None:
        return "[red]failed[/red]" if known.delivery is Delivery.FAILED else f"[dim]{known.delivery}[/dim]"
    return "[dim]heard[/dim]" if known.heard else "[bold]new[/bold]"


def _peer(known: VoiceMessageMetadata) -> str:
    if known.peer is None:
        return ""
    return f"{'to' if known.direction is Direction.SENT else 'from'} {plain(known.peer)}"

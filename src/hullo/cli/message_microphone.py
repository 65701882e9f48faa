"""`hullo message record` from the microphone: level and time as it goes, keys to pause, to end and to think better."""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator

from rich.live import Live
from rich.text import Text

from hullo.audio.settings import AudioConfig
from hullo.cli.message_io import length
from hullo.cli.show import err
from hullo.messages.microphone import MicrophoneRecording, RecordingState, RecordingStatus
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.store import MessageStore, StoredMessage

_SHOWN_EVERY = 0.1
_SOFTEST = -60.0
_WIDTH = 20
_HELP = "space pauses, Enter ends, x discards"


async def record_microphone(config: AudioConfig, store: MessageStore, options: RecorderOptions) -> StoredMessage | None:
    """Record until a key, Ctrl-C, or the limit; None if it was discarded. Raises `DeviceError`, `MessageError`."""
    async with config.devices() as devices, MicrophoneRecording(devices, store, options) as recording:
        working = asyncio.create_task(recording.run())
        try:
            with _keys() as keys, Live(console=err, transient=True, auto_refresh=False) as live:
                wanted = await _until_ended(recording, working, keys, live)
        except asyncio.CancelledError:  # Ctrl-C ends it, and keeps what came
            asyncio.current_task().uncancel()  # type: ignore[union-attr]  # we are in a task
            wanted = True
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        if wanted:
            return await recording.stop()
        await recording.discard()
        return None


async def _until_ended(
    recording: MicrophoneRecording, working: "asyncio.Task[None]", keys: "asyncio.Queue[str]", live: Live
) -> bool:
    """Whether it is to be kept."""
    told: str | None = None
    while not working.done():
        status = recording.status()
        if status.detail != told:
            told = status.detail
            err.print(f"[yellow]{told}; what was recorded is kept[/yellow]" if told else "[dim]it is there again[/dim]")
        live.update(_line(status), refresh=True)
        try:
            async with asyncio.timeout(_SHOWN_EVERY):
                key = await keys.get()
        except TimeoutError:
            continue
        if key in ("\r", "\n", "q"):
            break
        if key == "x":
            return False
        if key == " ":
            recording.resume() if status.state is RecordingState.PAUSED else recording.pause()
    return True


def _line(status: RecordingStatus) -> Text:
    bar = (
        round(max(0.0, 1.0 - status.level_dbfs / _SOFTEST) * _WIDTH) if status.state is RecordingState.RECORDING else 0
    )
    mark = {"recording": "●", "paused": "❚❚"}.get(status.state, "○")
    return Text.assemble(
        (f"{mark} ", "red"),
        f"{length(status.elapsed)} of {length(status.elapsed + status.remaining)} ",
        ("█" * bar).ljust(_WIDTH),
        (f" {_HELP}" if sys.stdin.isatty() else "", "dim"),
    )


@contextlib.contextmanager
def _keys() -> Iterator["asyncio.Queue[str]"]:
    """Keys as they are pressed, without Enter, where there is a keyboard."""
    pressed: asyncio.Queue[str] = asyncio.Queue()
    if not sys.stdin.isatty():
        yield pressed
        return
    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, lambda: pressed.put_nowait(os.read(descriptor, 1).decode(errors="replace")))
    try:
        yield pressed
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

"""`hullo call`: call somebody from the shell, without a daemon."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

import hullo
from hullo.call import events
from hullo.call.call import Call
from hullo.cli.show import event_line, fail, json_line, out, report_table
from hullo.speech.errors import SpeechError


def call(
    to: Annotated[str, typer.Argument(help="whom to call, such as http://127.0.0.1:8765/call")],
    say: Annotated[
        list[str] | None, typer.Option(help="what to say once connected; may be given several times")
    ] = None,
    play: Annotated[list[Path] | None, typer.Option(help="a sound file to play; may be given several times")] = None,
    record: Annotated[Path | None, typer.Option(help="record both sides into this WAV file")] = None,
    stay: Annotated[float, typer.Option(help="seconds to listen on after the last thing was said")] = 5.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="one JSON object a line: events, and the report at the end")
    ] = False,
) -> None:
    """Call TO, say or play something, show what is heard, and print the report of the call.

    Without --say and --play it listens until either side hangs up; Ctrl-C hangs up.
    """
    for file in play or []:
        if not file.is_file():
            fail(f"{file} is not there", "name a sound file that ffmpeg can read")
    try:
        report = asyncio.run(_call(to, say or [], play or [], record, stay, as_json))
    except (hullo.CallError, SpeechError, OSError) as error:
        fail(str(error), getattr(error, "hint", ""))
    if as_json:
        json_line(report)
    else:
        out.print(report_table(report))
    if report.ending.reason not in (hullo.EndReason.HANGUP_BOT, hullo.EndReason.HANGUP_USER, hullo.EndReason.COMPLETED):
        raise typer.Exit(1)


async def _call(
    to: str, say: list[str], play: list[Path], record: Path | None, stay: float, as_json: bool
) -> hullo.CallReport:
    async with hullo.Phone() as phone:
        call = phone.dial(to)
        if record is not None:
            await call.start_recording(str(record))
        try:
            await _follow(call, say, play, stay, as_json)
        except asyncio.CancelledError:  # Ctrl-C: hang up properly, and still show the report
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            call.hangup()
        return await call.wait_ended()


async def _follow(call: Call, say: list[str], play: list[Path], stay: float, as_json: bool) -> None:
    """Show every event, say what is to be said, and hang up `stay` seconds after the last of it."""
    waiting = len(say) + len(play)
    limit = asyncio.timeout(None)
    try:
        async with limit:
            async for event in call.events():
                _show(event, as_json)
                if isinstance(event, events.Connected):
                    for text in say:
                        call.speak(text)
                    for file in play:
                        await call.play(str(file))
                elif isinstance(event, events.Spoken):
                    waiting -= 1
                    if waiting == 0:
                        limit.reschedule(asyncio.get_running_loop().time() + stay)
    except TimeoutError:
        call.hangup()


def _show(event: events.CallEvent, as_json: bool) -> None:
    if as_json:
        json_line(event)
    else:
        out.print(event_line(events.event_name(type(event)), msgspec.to_builtins(event)))

"""`hullo call`: call somebody from the shell, without a daemon."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

import hullo
from hullo.call import events
from hullo.call.call import Call
from hullo.cli.show import event_line, fail, json_line, out, report_table
from hullo.speech.errors import SpeechError


@dataclass(frozen=True, slots=True)
class _Task:
    """What the user wants of the call."""

    say: list[str]
    play: list[Path]
    record: Path | None
    stay: float
    speech: bool
    as_json: bool


def call(
    to: Annotated[str, typer.Argument(help="whom to call, such as http://127.0.0.1:8765/call")],
    say: Annotated[
        list[str] | None, typer.Option(help="what to say once connected; may be given several times")
    ] = None,
    play: Annotated[list[Path] | None, typer.Option(help="a sound file to play; may be given several times")] = None,
    record: Annotated[Path | None, typer.Option(help="record both sides into this WAV file")] = None,
    stay: Annotated[float, typer.Option(help="seconds to listen on after the last thing was said")] = 5.0,
    speech: Annotated[bool, typer.Option(help="recognise what is heard, and be able to --say")] = True,
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
    if say and not speech:
        fail("--say needs a voice", "leave --no-speech out, or --play a file")
    task = _Task(say or [], play or [], record, stay, speech, as_json)
    try:
        report = asyncio.run(_call(to, task))
    except (hullo.CallError, SpeechError, OSError) as error:
        fail(str(error), getattr(error, "hint", ""))
    if as_json:
        json_line(report)
    else:
        out.print(report_table(report))
    if report.ending.reason not in (hullo.EndReason.HANGUP_BOT, hullo.EndReason.HANGUP_USER, hullo.EndReason.COMPLETED):
        raise typer.Exit(1)


async def _call(to: str, task: _Task) -> hullo.CallReport:
    speech = hullo.SpeechSettings() if task.speech else hullo.SpeechSettings(recogniser=None, voice=None)
    async with hullo.Phone(speech=speech) as phone:
        call = phone.dial(to)
        if task.record is not None:
            call.start_recording(str(task.record))
        await _follow(call, task)
        return await call.wait_ended()


async def _follow(call: Call, task: _Task) -> None:
    """Show every event, say what is to be said, and hang up a while after the last of it."""
    stream = call.events()
    waiting = len(task.say) + len(task.play)
    hang_up_at: float | None = None
    while True:
        try:
            async with asyncio.timeout_at(hang_up_at):
                event = await anext(stream, None)
        except TimeoutError:
            call.hangup()
            hang_up_at = None
            continue
        except asyncio.CancelledError:  # Ctrl-C: hang up properly, and still show the report
            current = asyncio.current_task()
            assert current is not None
            current.uncancel()
            call.hangup()
            continue
        if event is None:
            return
        _show(event, task.as_json)
        if isinstance(event, events.Connected):
            await _say_all(call, task)
        elif isinstance(event, events.Spoken):
            waiting -= 1
            if waiting == 0:
                hang_up_at = asyncio.get_running_loop().time() + task.stay


async def _say_all(call: Call, task: _Task) -> None:
    for text in task.say:
        call.speak(text)
    for file in task.play:
        await call.play(str(file))


def _show(event: events.CallEvent, as_json: bool) -> None:
    if as_json:
        json_line(event)
    else:
        out.print(event_line(events.event_name(type(event)), msgspec.to_builtins(event)))

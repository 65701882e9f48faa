"""One call held from the shell: what is said and played, what is heard, and the report at the end."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec
import typer

import hullo
from hullo.audio.stereofile import check_recording
from hullo.call import events
from hullo.call.call import Call
from hullo.call.event_stream import EventStream
from hullo.cli.conversation_options import Task
from hullo.cli.show import complain, event_line, fail, give_up, json_line, out, report_table
from hullo.service.config import SpeechConfig
from hullo.service.secret_file import SecretError, read_key
from hullo.speech.speaking.audiofile import check_playable

UNAVAILABLE = (hullo.CallError, hullo.TelegramUnavailable, hullo.PrivateUnavailable, hullo.SpeechError, OSError)
"""What keeps a call from coming about; each says what to do."""

_LONGEST_ANSWER = 60.0

_WELL = (hullo.EndReason.HANGUP_BOT, hullo.EndReason.HANGUP_USER, hullo.EndReason.COMPLETED)


def check(task: Task) -> None:
    """End the command if this can't be done."""
    for file in task.play:
        try:
            asyncio.run(check_playable(file))
        except hullo.SpeechError as error:
            fail(str(error), "name a sound file that ffmpeg can read")
    if task.record is not None:
        try:
            check_recording(task.record)
        except (ValueError, OSError) as error:
            give_up(error)
    if task.transcript is not None:
        _check_transcript(task.transcript, task)
    if task.say and not task.speech:
        fail("--say needs a voice", "leave --no-speech out, or --play a file")


def _check_transcript(path: Path, task: Task) -> None:
    if task.record is None:
        fail("--transcript is timed by a recording, and there is none", "add --record FILE.opus")
    if task.record == path:
        fail("the recording and its transcript can't be the same file", "name a .vtt file for --transcript")
    if not task.speech:
        fail("--transcript needs a recogniser", "leave --no-speech out")
    if not path.parent.is_dir():
        fail(f"there is no folder {path.parent} for the transcript", "make it, or name another one")


def speech_of(task: Task, config: SpeechConfig) -> hullo.SpeechSettings:
    """The configured recogniser and voice, or neither; files can be played either way. A mistake ends the command."""
    if not task.speech:
        return hullo.SpeechSettings(recogniser=None, voice=None)
    if not config.enabled:
        if task.say:
            fail("--say needs a voice", "set [speech] enabled = true, or --play a file")
        if task.transcript is not None:
            fail("--transcript needs a recogniser", "set [speech] enabled = true")
        return hullo.SpeechSettings(recogniser=None, voice=None)
    try:
        return config.settings(read_key)
    except (hullo.SpeechError, SecretError) as error:
        give_up(error)


@dataclass(frozen=True, slots=True)
class Held:
    """A call that is over, and how much of what was to be said and played was not, to its end."""

    report: hullo.CallReport
    unsaid: int


async def hold(call: Call, stream: EventStream, task: Task) -> Held:
    """Show every event, say what is to be said, and hang up when nobody has spoken for a while after the last of it."""
    if task.record is not None:
        call.start_recording(str(task.record), None if task.transcript is None else str(task.transcript))
    leaving = _Leaving(len(task.say) + len(task.play), task.stay)
    while True:
        try:
            async with asyncio.timeout_at(leaving.at):
                event = await anext(stream, None)
        except TimeoutError:
            call.hangup()
            leaving.at = None
            continue
        except asyncio.CancelledError:  # Ctrl-C: hang up properly, and still show the report
            current = asyncio.current_task()
            assert current is not None
            current.uncancel()
            call.hangup()
            continue
        if event is None:
            return Held(await call.wait_ended(), leaving.unsaid)
        show(event, task)
        leaving.take(event, asyncio.get_running_loop().time())
        if isinstance(event, events.Connected):
            await _say_all(call, task)


class _Leaving:
    """When to hang up, by the events of a call: `stay` seconds after `utterances` and what the peer says to them.

    A peer who goes on and on is listened to for a minute.
    """

    def __init__(self, utterances: int, stay: float) -> None:
        self.unsaid = self._waiting = utterances
        self.at: float | None = None
        self._stay = stay
        self._at_last = 0.0

    def take(self, event: events.CallEvent, now: float) -> None:
        """What has happened `now`."""
        match event:
            case events.Spoken() | events.Interrupted() | events.Error(utterance_id=str()) if self._waiting:
                self.unsaid -= isinstance(event, events.Spoken)
                self._waiting -= 1
                if self._waiting == 0:
                    self.at, self._at_last = now + self._stay, now + self._stay + _LONGEST_ANSWER
            case events.SpeechStarted() if self.at is not None:
                self.at = self._at_last
            case events.Speech() | events.Unclear() if self.at is not None:
                self.at = min(now + self._stay, self._at_last)


def show(event: events.CallEvent, task: Task) -> None:
    """Print an event."""
    if task.as_json:
        json_line(event)
    else:
        out.print(event_line(events.event_name(type(event)), msgspec.to_builtins(event)), soft_wrap=True)


def conclude(held: Held, task: Task) -> None:
    """Print the report; the status of the command is 1 if the call came to nothing, or not everything was said."""
    if task.as_json:
        json_line(held.report)
    else:
        out.print(report_table(held.report))
    if held.unsaid and held.report.ending.reason in _WELL:
        complain(f"{held.unsaid} of {len(task.say) + len(task.play)} to say or play did not come to its end")
    if held.unsaid or held.report.ending.reason not in _WELL:
        raise typer.Exit(1)


async def _say_all(call: Call, task: Task) -> None:
    for text in task.say:
        call.speak(text, interruptible=False)  # it was asked for, whatever the other side says
    for file in task.play:
        await call.play(str(file), interruptible=False)

"""The demo's caller: a process of its own that dials, says its lines one by one, and listens to the answers."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from hullo.call import events
from hullo.call.call import Call
from hullo.call.report import CallReport
from hullo.lines.telegram.account.settings import TelegramConfig
from hullo.phone import Phone
from hullo.service.config import load_config

LINES = (
    "What is your name?",
    "Are you a human or a machine?",
    "That was all for today.",
)
"""What the caller says when it is given no files; chosen so that the offline recogniser understands it."""

_GREETING_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
_CALL_SECONDS = 180.0
_LONGEST_LINE = 60.0
_RECOGNITION_SECONDS = 10.0
_SETTLED_SECONDS = 0.5
_SAME_MOMENT = 0.4


class CallerTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the caller: when it was begun (Unix time in seconds), and what was heard in answer.

    `said` is the text, or with `from_file` the name of the sound file, whose words nobody knows.
    """

    began: float
    said: str
    from_file: bool
    answer_heard: str


class CallerResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller's process knows of the call when it is over."""

    turns: list[CallerTurn]
    cpu_seconds: float
    report: CallReport


class _Conversation:
    """Speaks when the other side has finished, and remembers which answer belongs to which line.

    It goes by when the other side talks; what was said is recognised meanwhile, and put to the turns at the end.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._stream = call.events()
        self._over = False
        self._talking = False
        self._unrecognised = 0
        self._first_words: list[float] = []
        self._heard: list[events.Speech] = []

    async def hold(self, script: Sequence[str | Path]) -> list[CallerTurn]:
        """Hear the greeting, say each line and hear its answer; stops early when the call ends."""
        await self._until(lambda event: isinstance(event, events.Connected), _CALL_SECONDS)
        await self._hear_out(_GREETING_SECONDS)
        begins: list[float] = []
        for line in script:
            if self._over:
                break
            self._first_words.append(float("inf"))
            begins.append(time.time())
            await self._say(line)
            await self._until(lambda event: isinstance(event, events.Spoken), _LONGEST_LINE)
            await self._hear_out(_ANSWER_SECONDS)
        await self._until(lambda _: self._unrecognised == 0, _RECOGNITION_SECONDS)
        return [
            CallerTurn(
                began=began,
                said=line.name if isinstance(line, Path) else line,
                from_file=isinstance(line, Path),
                answer_heard=self._answer_to(number),
            )
            for number, (began, line) in enumerate(zip(begins, script, strict=False))
        ]

    async def _say(self, line: str | Path) -> None:
        if isinstance(line, Path):
            await self._call.play(str(line), interruptible=False)
        else:
            self._call.speak(line, interruptible=False)

    async def _hear_out(self, within: float) -> None:
        """Wait for the other side to begin, and then until it has been quiet for a moment."""
        if await self._until(lambda event: isinstance(event, events.SpeechStarted), within):
            while self._talking:
                await self._until(lambda event: isinstance(event, events.SpeechEnded), _LONGEST_LINE)
                await self._until(lambda event: isinstance(event, events.SpeechStarted), _SETTLED_SECONDS)

    async def _until(self, wanted: Callable[[events.CallEvent], bool], within: float) -> bool:
        """Follow the events up to a wanted one; False if the call ended or the time was up first."""
        try:
            async with asyncio.timeout(within):
                async for event in self._stream:
                    self._note(event)
                    if wanted(event):
                        return True
        except TimeoutError:
            return False
        self._over, self._talking = True, False
        return False

    def _note(self, event: events.CallEvent) -> None:
        match event:
            case events.SpeechStarted(started_at=at):
                self._talking = True
                if self._first_words:
                    self._first_words[-1] = min(self._first_words[-1], at)
            case events.SpeechEnded():
                self._talking = False
                self._unrecognised += 1
            case events.Speech():
                self._unrecognised -= 1
                self._heard.append(event)
            case events.Unclear():
                self._unrecognised -= 1

    def _answer_to(self, number: int) -> str:
        begin = self._first_words[number] - _SAME_MOMENT
        end = min(self._first_words[number + 1 :], default=float("inf")) - _SAME_MOMENT
        return " ".join(speech.text for speech in self._heard if begin <= speech.started_at < end)


async def place_call(
    to: str, script: Sequence[str | Path], recording: Path, telegram: TelegramConfig | None
) -> CallerResult:
    """Call `to`, hold the conversation, hang up, and return what is known of it."""
    async with Phone(telegram=telegram) as phone:
        call = phone.dial(to)
        call.start_recording(str(recording))
        async with asyncio.timeout(_CALL_SECONDS):
            turns = await _Conversation(call).hold(script)
            cpu = time.process_time()
            call.hangup()
            report = await call.wait_ended()
    return CallerResult(turns=turns, cpu_seconds=cpu, report=report)


def main(
    to: str,
    out: Annotated[Path, typer.Option(help="where to write the result, as JSON")],
    recording: Annotated[Path, typer.Option(help="where to write the recording, as WAV")],
    config: Annotated[Path, typer.Option(help="a configuration file; of it, [telegram] is used if it is enabled")],
    say: Annotated[list[Path] | None, typer.Option(help="a sound file to say instead of the usual lines")] = None,
) -> None:
    """Call TO and hold the demo's conversation."""
    telegram = load_config(config).telegram
    result = asyncio.run(place_call(to, say or LINES, recording, telegram if telegram.enabled else None))
    out.write_bytes(msgspec.json.encode(result))
    if not result.turns:
        sys.exit(f"the call came to nothing: {result.report.ending.detail}")


if __name__ == "__main__":
    typer.run(main)

"""The demo's caller: a process of its own that dials, says its lines one by one, and listens to the answers."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from hullo.call import events
from hullo.call.call import Call
from hullo.call.event_stream import EventStream
from hullo.call.report import CallReport
from hullo.phone import Phone

LINES = (
    "hello what can you do for me",
    "what time is it now",
    "how is the weather today",
    "thank you and goodbye",
)
"""What the caller says when it is given no files; chosen so that the offline recogniser understands it."""

_GREETING_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
_CALL_SECONDS = 180.0
_SETTLED_SECONDS = 0.7


class CallerTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the caller: when it was begun (seconds into the call), and what was heard in answer."""

    at: float
    said: str
    answer_heard: str


class CallerResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller's process knows of the call when it is over."""

    turns: list[CallerTurn]
    greeting_heard: str
    cpu_seconds: float
    report: CallReport


class _Listening:
    """Follows the events of the call and says when the other side has finished talking."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self.over = False

    async def until(self, kind: type[events.Event], within: float) -> bool:
        """Wait for an event of `kind`; False if the call ended or the time is up first."""
        try:
            async with asyncio.timeout(within):
                async for event in self._stream:
                    if isinstance(event, kind):
                        return True
        except TimeoutError:
            return False
        self.over = True
        return False

    async def answer(self, within: float) -> str:
        """What the other side says next, until it has been quiet for a moment; empty if it says nothing."""
        heard: list[str] = []
        began, talking, pending = False, False, 0
        while True:
            patience = _SETTLED_SECONDS if began and not talking and not pending else within
            try:
                async with asyncio.timeout(patience):
                    event = await anext(self._stream)
            except (TimeoutError, StopAsyncIteration) as end:
                self.over = isinstance(end, StopAsyncIteration)
                return " ".join(heard)
            match event:
                case events.SpeechStarted():
                    began, talking = True, True
                case events.SpeechEnded():
                    talking, pending = False, pending + 1
                case events.Speech(text=text):
                    heard.append(text)
                    pending -= 1
                case events.Unclear():
                    pending -= 1


async def converse(call: Call, lines: list[str], files: list[Path]) -> tuple[str, list[CallerTurn]]:
    """Hold the conversation: the greeting that was heard, and the turns."""
    listening = _Listening(call.events())
    if not await listening.until(events.Connected, _CALL_SECONDS):
        return "", []
    connected = time.monotonic()
    greeting = await listening.answer(_GREETING_SECONDS)
    turns: list[CallerTurn] = []
    script: list[str | Path] = [*lines, *files]
    for line in script:
        if listening.over:
            break
        at = time.monotonic() - connected
        said = await _say(call, line)
        if not await listening.until(events.Spoken, _ANSWER_SECONDS + 60.0):
            break
        heard = await listening.answer(_ANSWER_SECONDS)
        turns.append(CallerTurn(at=at, said=said, answer_heard=heard))
    return greeting, turns


async def _say(call: Call, line: str | Path) -> str:
    if isinstance(line, Path):
        await call.play(str(line))
        return line.name
    call.speak(line)
    return line


async def place_call(url: str, lines: list[str], files: list[Path], recording: Path) -> CallerResult:
    """Call `url`, hold the conversation, hang up, and return what is known of it."""
    async with Phone() as phone:
        call = phone.dial(url)
        await call.start_recording(str(recording))
        async with asyncio.timeout(_CALL_SECONDS):
            greeting, turns = await converse(call, lines, files)
            cpu = time.process_time()
            call.hangup()
            report = await call.wait_ended()
    return CallerResult(turns=turns, greeting_heard=greeting, cpu_seconds=cpu, report=report)


def main(
    url: str,
    out: Annotated[Path, typer.Option(help="where to write the result, as JSON")],
    recording: Annotated[Path, typer.Option(help="where to write the recording, as WAV")],
    say: Annotated[list[Path] | None, typer.Option(help="a sound file to say instead of the usual lines")] = None,
) -> None:
    """Call URL and hold the demo's conversation."""
    files = say or []
    result = asyncio.run(place_call(url, [] if files else list(LINES), files, recording))
    out.write_bytes(msgspec.json.encode(result))
    if not result.turns:
        sys.exit(f"the call came to nothing: {result.report.ending.detail}")


if __name__ == "__main__":
    typer.run(main)

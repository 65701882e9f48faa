"""Voicemail: takes the calls that nobody took, on any line, and keeps what is said after the beep."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from hullo.audio.tone import tone_frames
from hullo.call import events
from hullo.call.call import Call
from hullo.call.errors import CallError
from hullo.call.event_stream import EventsMissed, EventStream
from hullo.call.patch import Patch
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.lines.line import Ending, EndReason
from hullo.media.pcm import Pcm, level_dbfs
from hullo.messages.errors import MessageError
from hullo.messages.events import NotReceived, Received
from hullo.messages.messenger import Messenger
from hullo.messages.metadata import Direction
from hullo.messages.recorder import RecorderState, VoiceMessageRecorder
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.settings import VoicemailConfig
from hullo.speech.events import Cause

VOICEMAIL: Final = "voicemail"
"""What `call.bridged` says such a call is joined to."""

BEEP_SECONDS: Final = 0.4
_BEEP_HERTZ: Final = 1000.0
_VOICE_DBFS: Final = -45.0
"""What is louder is taken for the caller."""
_SHORTEST: Final = 0.6
"""Seconds; what is shorter is a click, and no message."""
_TAKEN: Final = Ending(EndReason.COMPLETED, "the answering machine has taken a message")
_NOTHING: Final = Ending(EndReason.COMPLETED, "nothing was said to the answering machine")
_FAILED: Final = Ending(EndReason.ERROR, "the answering machine could not keep the message")


class AnsweringMachine:
    """Waits behind every incoming call until `run` is cancelled. Whoever puts a call on a handset meanwhile has it."""

    def __init__(self, board: Switchboard, messenger: Messenger, settings: VoicemailConfig) -> None:
        self._board = board
        self._messenger = messenger
        self._settings = settings

    async def run(self) -> None:
        """Take what rings too long."""
        async with asyncio.TaskGroup() as tasks:
            stream = self._board.stream()
            while True:
                try:
                    async for event in stream:
                        if isinstance(event, events.Incoming):
                            tasks.create_task(self._wait_behind(self._board.call(event.call_id)), name=VOICEMAIL)
                    return
                except EventsMissed:
                    stream = self._board.stream()

    async def _wait_behind(self, call: Call) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.after_seconds):
                await call.wait_ended()
        if call.state is CallState.INCOMING and call.bridged_to is None:
            try:
                await Visit(call, self._messenger, self._settings).run()
            except (CallError, MessageError) as error:
                call.note_error(VOICEMAIL, str(error), retryable=False)  # it rings on: somebody may still come


class Visit:
    """One call on the answering machine: greeting, beep, message."""

    def __init__(self, call: Call, messenger: Messenger, settings: VoicemailConfig) -> None:
        self._call = call
        self._messenger = messenger
        self._settings = settings
        self._recorder: VoiceMessageRecorder | None = None
        self._beep: Iterator[Pcm] = iter(())
        self._heard_at = 0.0
        self._ours = False
        """Until the call has ended, or somebody has taken it over."""
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Until the caller has gone, or somebody takes the call over.

        Raises `MessageError` if no message can be recorded, and `CallError`; the call is not answered then.
        """
        now = datetime.now(UTC)
        path = self._messenger.store.new_path(now)
        options = RecorderOptions(max_seconds=self._settings.max_seconds, trim_silence=True)
        recorder = await asyncio.to_thread(VoiceMessageRecorder, path, options, now=now)
        try:
            await self._listen(recorder)
        finally:
            ending = await asyncio.shield(self._kept(recorder))
            if self._ours:
                self._call.end(ending)

    async def _listen(self, recorder: VoiceMessageRecorder) -> None:
        call = self._call
        if call.state is not CallState.INCOMING:  # any more
            return
        stream = call.events()
        try:
            call.accept()
            self._ours = True
            call.connect(Patch(to=VOICEMAIL, ear=self._hear, mouth=self._say, released=lambda ended: self._stop()))
            if await self._greeted(stream):
                self._beep = tone_frames(BEEP_SECONDS, _BEEP_HERTZ)
                await asyncio.sleep(BEEP_SECONDS)
                self._heard_at = time.monotonic()
                self._recorder = recorder
                await self._until_over()
        finally:
            self._recorder = None
            stream.close()

    async def _greeted(self, stream: EventStream) -> bool:
        """Whether the caller is still there after the greeting."""
        call = self._call
        utterance: str | None = None
        async for event in stream:
            match event:
                case events.Connected():
                    utterance = await self._greet()
                    if utterance is None:
                        return True
                case events.Spoken(utterance_id=said) if said == utterance:
                    return True
                case events.Interrupted(utterance_id=said, cause=cause) if said == utterance:
                    return cause is not Cause.ENDED
                case events.Error(component="voice"):  # better a beep without a greeting than silence
                    return call.state is CallState.ACTIVE
                case events.Bridged(to=to) if to != VOICEMAIL:
                    return False
        return False

    async def _greet(self) -> str | None:
        """Begin the greeting; its id, or None if there is none."""
        call, settings = self._call, self._settings
        try:
            if settings.greeting_file is not None:
                return await call.play(str(settings.greeting_file), interruptible=False)
            return call.speak(settings.greeting, interruptible=False) if settings.greeting else None
        except CallError as error:
            call.note_error(VOICEMAIL, str(error), retryable=False)
            return None

    async def _until_over(self) -> None:
        """Until the caller has gone or is silent for long, or the message is full."""
        silence = self._settings.silence_seconds
        while not self._over.is_set() and (left := self._heard_at + silence - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._over.wait()

    async def _kept(self, recorder: VoiceMessageRecorder) -> Ending:
        """Make a message of what was said; how the call ends then."""
        call, messenger, path = self._call, self._messenger, recorder.path
        problem: str | None = None
        try:
            described = await asyncio.to_thread(recorder.stop)
            if described.duration < _SHORTEST:
                messenger.store.delete(messenger.store.find(path.name))
                return _NOTHING
        except MessageError as error:
            problem = str(error)
        about = {"line": call.line, "peer": call.peer, "call_id": call.call_id, "problem": problem}
        try:
            message = messenger.store.update(path, direction=Direction.RECEIVED, **about)
        except MessageError as error:
            messenger.tell(NotReceived(call.line, call.peer, call.call_id, problem or str(error)))
            return _FAILED
        messenger.tell(Received(message))
        return _TAKEN if problem is None else _FAILED

    def _stop(self) -> None:
        self._ours = False
        self._over.set()

    # In the media tick

    def _hear(self, pcm: Pcm, now: float) -> None:
        if self._recorder is not None:
            self._recorder.hear(pcm, now)
            if level_dbfs(pcm) > _VOICE_DBFS:
                self._heard_at = time.monotonic()
            if self._recorder.state is not RecorderState.RECORDING:
                self._over.set()

    def _say(self, now: float) -> Pcm | None:
        return next(self._beep, None)

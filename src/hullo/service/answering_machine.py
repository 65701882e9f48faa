"""Voicemail: takes the calls that nobody took, on any line, and keeps what is said after the beep."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
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
from hullo.messages.events import Received
from hullo.messages.messenger import Messenger
from hullo.messages.metadata import Direction
from hullo.messages.recorder import RecorderOptions, RecorderState, VoiceMessageRecorder
from hullo.messages.settings import VoicemailConfig

logger = logging.getLogger(__name__)

VOICEMAIL: Final = "voicemail"
"""What `call.bridged` says such a call is joined to."""

BEEP_SECONDS: Final = 0.4
_BEEP_HERTZ: Final = 1000.0
_VOICE_DBFS: Final = -45.0
"""What is louder is taken for the caller."""
_SHORTEST: Final = 0.6
"""Seconds; what is shorter is a click, and no message."""
_DONE: Final = Ending(EndReason.COMPLETED, "the answering machine has taken a message")


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
                call.note_error(VOICEMAIL, str(error), retryable=False)
                call.hangup()


class Visit:
    """One call on the answering machine: greeting, beep, message."""

    def __init__(self, call: Call, messenger: Messenger, settings: VoicemailConfig) -> None:
        self._call = call
        self._messenger = messenger
        self._settings = settings
        self._recorder: VoiceMessageRecorder | None = None
        self._beep: Iterator[Pcm] = iter(())
        self._heard_at = 0.0
        self._gone = False
        """Whether the call has ended, or somebody has taken it over."""
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Until the caller has gone, or somebody takes the call over. Raises `CallError`, `MessageError`."""
        call = self._call
        stream = call.events()
        call.connect(Patch(to=VOICEMAIL, ear=self._hear, mouth=self._say, released=lambda ended: self._stop()))
        call.accept()
        try:
            if await self._greeted(stream):
                self._beep = tone_frames(BEEP_SECONDS, _BEEP_HERTZ)
                await asyncio.sleep(BEEP_SECONDS)
                await self._record()
        finally:
            stream.close()
            if not self._gone:
                call.end(_DONE)

    async def _greeted(self, stream: EventStream) -> bool:
        """Whether the caller is still there after the greeting."""
        call, settings = self._call, self._settings
        utterance: str | None = None
        async for event in stream:
            match event:
                case events.Connected():
                    if settings.greeting_file is not None:
                        utterance = await call.play(str(settings.greeting_file), interruptible=False)
                    elif settings.greeting:
                        utterance = call.speak(settings.greeting, interruptible=False)
                    else:
                        return True
                case events.Spoken(utterance_id=said) if said == utterance:
                    return True
                case events.Error(component="voice"):  # better a beep without a greeting than silence
                    return call.state is CallState.ACTIVE
                case events.Bridged(to=to) if to != VOICEMAIL:
                    return False
        return False

    async def _record(self) -> None:
        now = datetime.now(UTC)
        path = self._messenger.store.new_path(now)
        options = RecorderOptions(max_seconds=self._settings.max_seconds, trim_silence=True)
        recorder = await asyncio.to_thread(VoiceMessageRecorder, path, options, now=now)
        self._heard_at = time.monotonic()
        self._recorder = recorder
        try:
            await self._until_over()
        finally:
            self._recorder = None
            await asyncio.shield(self._keep(recorder, path))

    async def _until_over(self) -> None:
        """Until the caller has gone or is silent for long, or the message is full."""
        silence = self._settings.silence_seconds
        while not self._over.is_set() and (left := self._heard_at + silence - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._over.wait()

    async def _keep(self, recorder: VoiceMessageRecorder, path: Path) -> None:
        described = await asyncio.to_thread(recorder.stop)
        store, call = self._messenger.store, self._call
        if described.duration < _SHORTEST:
            store.delete(store.find(path.name))
            return
        message = store.update(path, direction=Direction.RECEIVED, line=call.line, peer=call.peer, call_id=call.call_id)
        self._messenger.tell(Received(message))

    def _stop(self) -> None:
        self._gone = True
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

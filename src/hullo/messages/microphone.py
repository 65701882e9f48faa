"""A message recorded from the microphone of this machine."""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Self

import msgspec

from hullo.audio.devices.devices import Devices
from hullo.audio.devices.sides import Microphone
from hullo.media.pcm import LOWEST_DBFS
from hullo.messages.errors import RecordingFailed
from hullo.messages.recorder import RecorderEvent, RecorderState, RecordingBroke, VoiceMessageRecorder
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.store import Condition, MessageStore, StoredMessage


class RecordingState(StrEnum):
    """What becomes of what the microphone hears."""

    RECORDING = "recording"
    PAUSED = "paused"
    WAITING = "waiting"
    """The microphone has gone: nothing is recorded until there is one again."""
    FULL = "full"
    BROKEN = "broken"
    """The disk refused it."""


class RecordingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A recording as it stands."""

    state: RecordingState
    elapsed: float
    """Seconds."""
    remaining: float
    """Seconds until it is full."""
    level_dbfs: float
    detail: str | None = None
    """What is wrong, for people."""


class MicrophoneRecording:
    """Opens the microphone for as long as the `async with` lasts, and `run` records it; what came is never lost.

    Entering raises `DeviceError` if there is no microphone, and `RecordingFailed` if the file can't be made; there is
    no file then. Leaving without `stop` or `discard` stops.
    """

    def __init__(self, devices: Devices, store: MessageStore, options: RecorderOptions) -> None:
        self._microphone = Microphone(devices)
        self._store = store
        self._options = options
        self._recorder: VoiceMessageRecorder | None = None
        self._broken: str | None = None

    async def __aenter__(self) -> Self:
        await self._microphone.__aenter__()
        try:
            now = datetime.now(UTC)
            path = self._store.new_path(now)
            self._recorder = VoiceMessageRecorder(path, self._options, on_event=self._note, now=now)
        except BaseException:
            await self._microphone.leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._microphone.leave()
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.stop)

    async def run(self) -> None:
        """Record until the message is full, the disk refuses it, or cancelled."""
        assert self._recorder is not None
        async for heard in self._microphone.heard():
            self._recorder.hear(heard, 0.0)
            if self._recorder.state in (RecorderState.FULL, RecorderState.BROKEN, RecorderState.STOPPED):
                return

    def pause(self) -> None:
        """Record nothing until `resume`."""
        if self._recorder is not None:
            self._recorder.pause()

    def resume(self) -> None:
        """Go on."""
        if self._recorder is not None:
            self._recorder.resume()

    def status(self) -> RecordingStatus:
        """How it stands."""
        recorder = self._recorder
        elapsed = 0.0 if recorder is None else recorder.elapsed
        return RecordingStatus(
            state=self._state(),
            elapsed=round(elapsed, 2),
            remaining=round(self._options.max_seconds - elapsed, 2),
            level_dbfs=LOWEST_DBFS if recorder is None else round(recorder.level, 1),
            detail=self._broken or self._microphone.status().detail,
        )

    async def stop(self) -> StoredMessage:
        """The finished message. Raises `RecordingFailed` if the disk refused any of it; the rest is kept."""
        recorder = self._taken()
        described = await asyncio.to_thread(recorder.stop)
        return StoredMessage(path=recorder.path, condition=Condition.FINISHED, metadata=described)

    async def discard(self) -> None:
        """Leave nothing behind."""
        await asyncio.to_thread(self._taken().discard)

    def _state(self) -> RecordingState:
        if self._recorder is None or self._recorder.state is RecorderState.FULL:
            return RecordingState.FULL
        if self._recorder.state is RecorderState.BROKEN:
            return RecordingState.BROKEN
        if self._recorder.state is RecorderState.PAUSED:
            return RecordingState.PAUSED
        return RecordingState.WAITING if self._microphone.device is None else RecordingState.RECORDING

    def _taken(self) -> VoiceMessageRecorder:
        if self._recorder is None:
            raise RecordingFailed("the recording is over")
        recorder, self._recorder = self._recorder, None
        return recorder

    def _note(self, event: RecorderEvent) -> None:
        if isinstance(event, RecordingBroke):
            self._broken = event.detail

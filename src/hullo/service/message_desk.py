"""Voice messages by the microphone and the speaker of this machine: one is recorded, and one played, at a time."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Self

from hullo.audio.devices.devices import Devices
from hullo.audio.devices.sides import Speaker
from hullo.call.events import MessagePlayed, MessagePlaying, MessageRecording
from hullo.call.switchboard import Switchboard
from hullo.media.pcm import Pcm
from hullo.messages.errors import MessageError
from hullo.messages.messenger import Messenger
from hullo.messages.microphone import MicrophoneRecording
from hullo.messages.player import PlaybackEvent, PlaybackFailed, PlaybackPosition, VoiceMessagePlayer
from hullo.messages.store import StoredMessage

_TELL_SECONDS = 0.2


class MessageDesk:
    """An asynchronous context manager; leaving it keeps what was being recorded."""

    def __init__(self, messenger: Messenger, devices: Devices, board: Switchboard) -> None:
        self._messenger = messenger
        self._devices = devices
        self._board = board
        self._recording: MicrophoneRecording | None = None
        self._recording_id = ""
        self._working: list[asyncio.Task[None]] = []
        self._playing: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._beginning = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        await self.stop()
        if self._recording is not None:
            with contextlib.suppress(MessageError):  # the disk refused some of it; the rest is kept
                await self.finish()
        await self._tasks.__aexit__(None, None, None)

    async def record(self) -> str:
        """Begin a recording; its id, which `message.recording` names. Raises `DeviceError`, `MessageError`."""
        assert self._tasks is not None
        async with self._beginning:
            if self._recording is not None:
                raise MessageError("a message is being recorded already: finish it first")
            recording = MicrophoneRecording(self._devices, self._messenger.store, self._messenger.options)
            await recording.__aenter__()
            self._recording, self._recording_id = recording, secrets.token_hex(8)
        self._working = [
            self._tasks.create_task(recording.run(), name="recording"),
            self._tasks.create_task(self._tell_recording(recording), name="telling of a recording"),
        ]
        return self._recording_id

    async def finish(self) -> StoredMessage:
        """End the recording, and have it as a message. Raises `MessageError`."""
        async with self._ending() as recording:
            return await recording.stop()

    async def discard(self) -> None:
        """End the recording, and leave nothing behind. Raises `MessageError`."""
        async with self._ending() as recording:
            await recording.discard()

    async def play(self, message: StoredMessage, position: float, speed: float) -> None:
        """Play a message in place of another; heard to its end it is not new any more.

        Raises `DeviceError`, `MessageError`, and `ValueError` for a speed outside 0.5 to 4.
        """
        async with self._beginning:
            await self.stop()
            await self._begin_to_play(message, position, speed)

    async def stop(self) -> bool:
        """Play no more; whether anything did."""
        playing, self._playing = self._playing, None
        if playing is None or playing.done():
            return False
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        return True

    async def _begin_to_play(self, message: StoredMessage, position: float, speed: float) -> None:
        assert self._tasks is not None
        told = _Teller(self._board, message.path.stem if message.metadata is None else message.metadata.id)
        player = await asyncio.to_thread(VoiceMessagePlayer, message.path, speed=speed, on_event=told)
        speaker = Speaker(self._devices)
        try:
            if position:
                player.seek(position)
            await speaker.__aenter__()
        except BaseException:
            player.close()
            raise
        self._playing = self._tasks.create_task(self._play(message, player, speaker, told), name="playing")

    async def _play(
        self, message: StoredMessage, player: VoiceMessagePlayer, speaker: Speaker, told: "_Teller"
    ) -> None:
        ended = False
        try:
            await speaker.play(_frames(player))
            ended = told.failure is None
            if ended:
                with contextlib.suppress(MessageError):  # it was deleted meanwhile
                    self._messenger.heard(message)
        finally:
            player.close()
            await speaker.leave()
            told.over(ended)

    async def _tell_recording(self, recording: MicrophoneRecording) -> None:
        while True:
            status = recording.status()
            self._board.tell(
                MessageRecording,
                recording_id=self._recording_id,
                state=status.state.value,
                elapsed=status.elapsed,
                remaining=status.remaining,
                level_dbfs=status.level_dbfs,
                detail=status.detail,
            )
            await asyncio.sleep(_TELL_SECONDS)

    @contextlib.asynccontextmanager
    async def _ending(self) -> AsyncIterator[MicrophoneRecording]:
        """The recording, which nothing works on any more; it is over afterwards. Raises `MessageError`."""
        recording, self._recording = self._recording, None
        if recording is None:
            raise MessageError("no message is being recorded: message.record begins one")
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        try:
            yield recording
        finally:
            await recording.__aexit__(None, None, None)


class _Teller:
    """Tells how far a message was played."""

    def __init__(self, board: Switchboard, message_id: str) -> None:
        self.failure: str | None = None
        self._board = board
        self._message_id = message_id

    def __call__(self, event: PlaybackEvent) -> None:
        if isinstance(event, PlaybackPosition):
            self._board.tell(
                MessagePlaying, message_id=self._message_id, position=event.position, duration=event.duration
            )
        elif isinstance(event, PlaybackFailed):
            self.failure = event.detail

    def over(self, ended: bool) -> None:
        """Nothing more is played."""
        self._board.tell(MessagePlayed, message_id=self._message_id, to_the_end=ended, detail=self.failure)


def _frames(player: VoiceMessagePlayer) -> Iterator[Pcm]:
    while (frame := player.pull(0.0)) is not None:
        yield frame

"""The devices of the daemon's machine, for its clients: a handset for calls, tests of devices, levels."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import msgspec

from hullo.audio.devices.device import Device, DeviceError, DeviceKind, Listing
from hullo.audio.devices.devices import Changed, Devices
from hullo.audio.devices.sides import Microphone, SideStatus, Speaker
from hullo.audio.handset import Handset, HandsetStatus
from hullo.audio.processing import Processing, ProcessingSettings
from hullo.audio.tone import tone_frames
from hullo.call.call import Call
from hullo.call.events import AudioChanged, AudioLevels
from hullo.call.patch import Patch
from hullo.call.switchboard import Switchboard
from hullo.media.apm import ProcessingUnavailable
from hullo.media.pcm import LOWEST_DBFS

HANDSET = "handset"
"""What `call.bridged` says a call is joined to."""

_LEVELS_SECONDS = 0.1


class ProcessingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to the microphone of a call."""

    echo_cancellation: bool
    noise_suppression: bool
    automatic_gain: bool
    high_pass: bool


class AudioStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The handset as it stands, and the call it is on."""

    backend: str
    call_id: str | None
    microphone: SideStatus
    speaker: SideStatus
    push_to_talk: bool
    talking: bool
    processing: ProcessingStatus


class AudioDesk:
    """Hands out microphone and speaker of this machine, to one call at a time; an asynchronous context manager.

    Devices are open only while a call or a test has them.
    """

    def __init__(
        self,
        devices: Devices,
        board: Switchboard,
        *,
        processing: ProcessingSettings = ProcessingSettings(),  # noqa: B008  # frozen
        push_to_talk: bool = False,
    ) -> None:
        self.devices = devices
        self.processing = processing
        self.push_to_talk = push_to_talk
        self._board = board
        self._handset: Handset | None = None
        self._call: Call | None = None
        self._patch: Patch | None = None
        self._testing = asyncio.Lock()
        self._tests: dict[DeviceKind, asyncio.Task[None]] = {}
        self._tested: Microphone | None = None
        self._levels_until = 0.0
        self._telling: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._tasks: asyncio.TaskGroup | None = None
        self._works: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.devices)
            self._tasks = await stack.enter_async_context(asyncio.TaskGroup())
            self.devices.on_change = self._changed
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for work in self._works:
            work.cancel()
        await self._put_down()
        await self._stack.aclose()

    def status(self) -> AudioStatus:
        """How the handset stands."""
        handset = HandsetStatus() if self._handset is None else self._handset.status()
        return AudioStatus(
            backend=self.devices.backend,
            call_id=None if self._call is None else self._call.call_id,
            microphone=self._side(DeviceKind.MICROPHONE, handset.microphone),
            speaker=self._side(DeviceKind.SPEAKER, handset.speaker),
            push_to_talk=self.push_to_talk,
            talking=handset.talking and self._handset is not None,
            processing=ProcessingStatus(**dataclasses.asdict(self.processing)),
        )

    async def put_on(self, call: Call) -> None:
        """Give the call the handset, and take it off the one that has it. Raises `DeviceError`, `WrongState`."""
        async with self._changing:
            if self._call is call and call.bridged_to == HANDSET:
                return
            await self._put_down()
            call.check_live()
            handset = Handset(self.devices, await self._processing(self.processing))
            handset.push_to_talk = self.push_to_talk
            await handset.__aenter__()
            self._handset, self._call = handset, call

            def released(ended: bool) -> None:
                if self._handset is handset:
                    self._work(self._take_off)

            self._patch = Patch(to=HANDSET, ear=handset.ear, mouth=handset.mouth, released=released)
            try:
                call.connect(self._patch)
            except BaseException:  # the call ended meanwhile
                await self._put_down()
                raise

    async def take_off(self, call: Call) -> None:
        """Have the call without the handset, if it has it."""
        if self._call is call:
            await self._take_off()

    async def configure(self, processing: ProcessingSettings, push_to_talk: bool) -> None:
        """Go on with these, in the call that is on too. Raises `DeviceError`."""
        async with self._changing:
            if self._handset is not None:
                self._handset.push_to_talk = push_to_talk
                if processing != self.processing:
                    self._handset.processing = await self._processing(processing)
            self.processing, self.push_to_talk = processing, push_to_talk

    def talk(self, pressed: bool) -> bool:
        """The key of push-to-talk; whether the call gets the microphone now."""
        if self._handset is None:
            return False
        self._handset.pressed = pressed
        return self._handset.talking

    def tell_levels(self, seconds: float) -> None:
        """Tell `audio.levels` for so long from now on; 0 stops it."""
        self._levels_until = time.monotonic() + seconds
        if self._telling is None or self._telling.done():
            self._telling = self._work(self._tell_levels)

    async def test_microphone(self, seconds: float) -> Device | None:
        """Listen to the microphone and tell its level for so long, in place of a test before. Raises `DeviceError`."""
        microphone = Microphone(self.devices)
        await self._test(microphone, lambda: self._listen(microphone, seconds))
        self.tell_levels(seconds)
        return microphone.device

    async def test_speaker(self, seconds: float) -> Device | None:
        """Play a tone for so long, in place of a test before. Raises `DeviceError`."""
        speaker = Speaker(self.devices)
        await self._test(speaker, lambda: self._play(speaker, seconds))
        return speaker.device

    async def _test(self, side: Microphone | Speaker, work: Callable[[], Awaitable[None]]) -> None:
        """Have one test of a kind of device at a time, whoever asks how often."""
        async with self._testing:
            if (earlier := self._tests.pop(side.kind, None)) is not None:
                earlier.cancel()
                await asyncio.gather(earlier, return_exceptions=True)
            await side.__aenter__()
            self._tests[side.kind] = self._work(work)

    def _work(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        async def worked() -> None:
            await work()

        assert self._tasks is not None
        task = self._tasks.create_task(worked())
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return task

    async def _take_off(self) -> None:
        async with self._changing:
            await self._put_down()

    async def _put_down(self) -> None:
        handset, self._handset = self._handset, None
        call, self._call = self._call, None
        patch, self._patch = self._patch, None
        if call is not None and patch is not None:
            call.disconnect(patch)
        if handset is not None:
            await handset.__aexit__(None, None, None)

    async def _processing(self, settings: ProcessingSettings) -> Processing | None:
        if not settings.needed:
            return None
        try:
            return await asyncio.to_thread(Processing, settings)
        except ProcessingUnavailable as error:
            raise DeviceError(str(error)) from None

    async def _listen(self, microphone: Microphone, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._tested = microphone
        try:
            async for _ in microphone.frames():
                if time.monotonic() > end:
                    break
        finally:
            self._tested = None
            await microphone.leave()

    async def _play(self, speaker: Speaker, seconds: float) -> None:
        try:
            await speaker.play(tone_frames(seconds))
        finally:
            await speaker.leave()

    async def _tell_levels(self) -> None:
        while time.monotonic() < self._levels_until:
            handset = self._handset
            microphone = self._tested if handset is None else handset.microphone
            self._board.tell(
                AudioLevels,
                microphone_dbfs=LOWEST_DBFS if microphone is None else round(microphone.level_dbfs, 1),
                speaker_dbfs=LOWEST_DBFS if handset is None else round(handset.speaker.level_dbfs, 1),
            )
            await asyncio.sleep(_LEVELS_SECONDS)

    def _side(self, kind: DeviceKind, status: SideStatus) -> SideStatus:
        return msgspec.structs.replace(status, volume=self.devices.volume(kind))

    def _changed(self, changed: Changed) -> None:
        listing: Listing = changed.listing
        handset = self._handset
        self._board.tell(
            AudioChanged,
            microphones=listing.microphones,
            speakers=listing.speakers,
            microphone=None if handset is None else handset.microphone.device,
            speaker=None if handset is None else handset.speaker.device,
            detail=changed.detail,
        )

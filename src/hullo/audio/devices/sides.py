"""A microphone and a speaker as a call wants them: always the right device, whatever becomes of devices."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from enum import StrEnum
from types import TracebackType
from typing import ClassVar, Self

import msgspec
import numpy as np

from hullo.audio.devices.backend import Backend, Stream
from hullo.audio.devices.device import Device, DeviceError, DeviceKind
from hullo.audio.devices.devices import Devices
from hullo.audio.devices.lanes import CaptureLane, PlaybackLane
from hullo.media.pcm import FRAME_SECONDS, LOWEST_DBFS, SILENCE, Pcm

FIRST_CALL_SECONDS = 3.0
"""What a device may take to begin."""

STALL_SECONDS = 0.4
"""A device that has not called for so long is dead, whatever its library says, and is opened anew."""

_DRAIN_SECONDS = 0.3


class SideState(StrEnum):
    """What a side of the sound is doing."""

    CLOSED = "closed"
    OPEN = "open"
    MISSING = "missing"
    """There is no device, or none that can be opened; it goes on looking."""


class SideStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A microphone or a speaker as it stands."""

    device: Device | None = None
    state: SideState = SideState.CLOSED
    detail: str | None = None
    """What is wrong, for people."""
    level_dbfs: float = LOWEST_DBFS
    volume: float = 1.0
    delay_ms: float = 0.0
    """How long sound waits between the sound system and the call."""
    drift_ppm: float = 0.0
    """How much faster the clock of the sound's giver runs than that of its taker."""
    overflows: int = 0
    """How often sound came too fast and some was left out."""
    underflows: int = 0
    """How often sound came too late and there was silence."""
    moves: int = 0
    """How often it changed to another device."""
    stalls: int = 0
    """How often a device fell silent without a word and was opened anew."""


class Side:
    """Keeps the wanted device of one kind open while the `async with` lasts; `Devices` tells it to look.

    Entering raises `DeviceError` when no device can be opened. One that vanishes later raises nothing: it is silence
    until there is one again.
    """

    kind: ClassVar[DeviceKind]

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._lane: CaptureLane | PlaybackLane
        self._stream: Stream | None = None
        self._device: Device | None = None
        self._last_id: str | None = None
        self._opened = 0
        self._called_at = 0.0
        self._passed = 0
        self._detail: str | None = None
        self._entered = False
        self._moves = 0
        self._stalls = 0

    async def __aenter__(self) -> Self:
        try:
            await self.enter()
            if self._stream is None:
                raise DeviceError(self._detail or f"there is no {self.kind}")
        except BaseException:  # also whoever gives up meanwhile: no microphone stays open unseen
            await self.leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.leave()

    async def enter(self) -> None:
        """Like entering, but content with a device that may come later."""
        self._entered = True
        await self._devices.enter(self)

    async def leave(self) -> None:
        """Close the device."""
        self._entered = False
        await self._devices.leave(self)

    @property
    def device(self) -> Device | None:
        """The one that is open."""
        return self._device

    @property
    def progress(self) -> tuple[float, int]:
        """When the open device last gave or took sound (monotonic), and how many samples since it was opened."""
        return self._called_at, self._passed

    @property
    def volume(self) -> float:
        """What the sound is multiplied with."""
        return self._devices.volume(self.kind)

    @property
    def level_dbfs(self) -> float:
        """Of the last 20 ms."""
        return LOWEST_DBFS if self._stream is None else self._lane.level_dbfs

    @property
    def waiting(self) -> float:
        """Seconds of sound between the sound system and the call."""
        return self._lane.stats().delay_ms / 1000

    def status(self) -> SideStatus:
        """How it stands."""
        lane = self._lane.stats()
        state = SideState.CLOSED if not self._entered else SideState.MISSING
        return SideStatus(
            device=self._device,
            state=state if self._stream is None else SideState.OPEN,
            detail=self._detail,
            level_dbfs=round(self.level_dbfs, 1),
            volume=self.volume,
            delay_ms=lane.delay_ms,
            drift_ppm=lane.drift_ppm,
            overflows=lane.overflows,
            underflows=lane.underflows,
            moves=self._moves,
            stalls=self._stalls,
        )

    def follow(self, backend: Backend, wanted: Device | None, missing: str, period: float, now: float) -> str | None:
        """Have the wanted device open. In the sound thread; returns what has changed, for people.

        `missing` is why there is none, if there is none.
        """
        stalled = self._stream is not None and now - self._called_at > STALL_SECONDS
        if self._device is not None and wanted is not None and self._device.id == wanted.id and not stalled:
            return None
        self.close()
        if wanted is None:
            return self._failed(missing)
        self._opened = number = self._opened + 1
        self._called_at, self._passed = now + FIRST_CALL_SECONDS, 0
        try:
            stream = self._open(backend, wanted, period)
        except DeviceError as error:
            return self._failed(str(error))
        if self._opened != number:  # it took so long that we were abandoned
            stream.close()
            return None
        self._stream, self._device, self._detail = stream, wanted, None
        last, self._last_id = self._last_id, wanted.id
        self._moves += last not in (None, wanted.id)
        self._stalls += stalled
        what = " had stopped and was opened again" if stalled else ""
        return f"{self.kind}: {wanted.name}{what}"

    def close(self) -> None:
        """In the sound thread."""
        stream, self._stream, self._device = self._stream, None, None
        if stream is not None:
            stream.close()
        self._lane.reset()

    def abandon(self, problem: str) -> None:
        """Forget the device without closing it; `problem` is why."""
        self._stream = self._device = None
        self._detail = problem
        self._opened += 1

    def _failed(self, detail: str) -> str | None:
        news = detail if detail != self._detail else None
        self._detail = detail
        return news

    def _open(self, backend: Backend, device: Device, period: float) -> Stream:
        raise NotImplementedError


class Microphone(Side):
    """The microphone of this machine; `mouth` is a `Mouth`."""

    kind = DeviceKind.MICROPHONE

    def __init__(self, devices: Devices) -> None:
        super().__init__(devices)
        self._lane: CaptureLane = CaptureLane(devices.period)

    def mouth(self, now: float) -> Pcm | None:
        """The next 20 ms; None while there is no microphone."""
        frame = self._lane.frame(now)
        return None if frame is None else louder(frame, self.volume)

    async def frames(self) -> AsyncIterator[Pcm]:
        """What it hears, 20 ms at a time as it comes, until the loop is left; silence while there is no microphone."""
        due = time.monotonic()
        while True:
            frame = self.mouth(time.monotonic())
            yield SILENCE if frame is None else frame
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def heard(self) -> AsyncIterator[Pcm]:
        """Every sample that it hears, as it comes, until the loop is left; nothing while there is no microphone.

        Unlike `frames` it follows the clock of the card, so nothing is left out or put in; half a second may wait.
        """
        while True:
            samples = self._lane.everything(time.monotonic())
            if len(samples):
                yield louder(samples, self.volume)
            await asyncio.sleep(FRAME_SECONDS)

    def _take(self, samples: Pcm) -> None:
        self._called_at = now = time.monotonic()
        self._passed += len(samples)
        self._lane.write(samples, now)

    def _open(self, backend: Backend, device: Device, period: float) -> Stream:
        return backend.open_microphone(device, self._take, period)


class Speaker(Side):
    """The speaker of this machine; `ear` is an `Ear`."""

    kind = DeviceKind.SPEAKER

    def __init__(self, devices: Devices) -> None:
        super().__init__(devices)
        self._lane: PlaybackLane = PlaybackLane(FRAME_SECONDS)

    def ear(self, pcm: Pcm, now: float) -> None:
        """Play these 20 ms."""
        self.write(louder(pcm, self.volume), now)

    def write(self, pcm: Pcm, now: float) -> None:
        """Play these 20 ms as loud as they are."""
        if self._stream is not None:
            self._lane.write(pcm, now)

    async def play(self, frames: Iterable[Pcm]) -> None:
        """Play frames of 20 ms, one after the other; returns when the last has been heard."""
        due = time.monotonic()
        for frame in frames:
            self.ear(frame, time.monotonic())
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.sleep(_DRAIN_SECONDS)

    def _give(self, count: int) -> Pcm:
        self._called_at = now = time.monotonic()
        self._passed += count
        return self._lane.read(count, now)

    def _open(self, backend: Backend, device: Device, period: float) -> Stream:
        return backend.open_speaker(device, self._give, period)


def louder(pcm: Pcm, volume: float) -> Pcm:
    """The frame with every sample multiplied, limited to full scale."""
    if volume == 1.0:
        return pcm
    return np.asarray(np.clip(pcm * np.float32(volume), -32768, 32767), dtype=np.int16)

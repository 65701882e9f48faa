"""The handset of a person: microphone and speaker of this machine, for one call at a time."""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self

import msgspec

from hullo.audio.devices.device import DeviceError
from hullo.audio.devices.devices import Devices
from hullo.audio.devices.sides import Microphone, SideStatus, Speaker, louder
from hullo.media.pcm import SILENCE, Pcm

_TICKS_PER_DELAY = 50
_DEVICE_PERIODS = 4
"""Blocks of sound that wait in the devices and the sound server: two to be played, two that were heard."""


class Processing(Protocol):
    """What is done to the sound between microphone and call, knowing what the speaker plays.

    Both are called in the media tick, in lockstep, with frames of 20 ms.
    """

    def render(self, pcm: Pcm) -> None:
        """This goes to the speaker now, silence too."""

    def capture(self, pcm: Pcm) -> Pcm:
        """The microphone heard this; returns what the call shall hear."""

    def set_delay(self, seconds: float) -> None:
        """How long a rendered sound takes to be captured, roughly; told about once a second."""


class HandsetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A handset as it stands."""

    microphone: SideStatus = SideStatus()
    speaker: SideStatus = SideStatus()
    push_to_talk: bool = False
    talking: bool = True
    """Whether the call gets what the microphone hears: always, or while the key of push-to-talk is down."""


class Handset:
    """Microphone and speaker of this machine, while the `async with` lasts; `mouth` and `ear` go to a call.

    Entering raises `DeviceError` when neither is there. With only one the handset works as far as it can, and its
    status says what is missing.
    """

    def __init__(self, devices: Devices, processing: Processing | None = None) -> None:
        self.microphone = Microphone(devices)
        self.speaker = Speaker(devices)
        self.processing = processing
        self.push_to_talk = False
        self.pressed = False
        """Whether the key of push-to-talk is down."""
        self._rendered = False
        self._ticks = 0
        self._period = devices.period
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for side in (self.microphone, self.speaker):
                stack.push_async_callback(side.leave)
                await side.enter()
            if self.microphone.device is None and self.speaker.device is None:
                raise DeviceError(self.microphone.status().detail or "there is neither microphone nor speaker")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def talking(self) -> bool:
        """Whether the call gets what the microphone hears."""
        return self.pressed or not self.push_to_talk

    @property
    def delay(self) -> float:
        """Seconds from a frame at `ear` until `mouth` gives its echo: what waits on both ways, and in the devices."""
        return self.speaker.waiting + self.microphone.waiting + _DEVICE_PERIODS * self._period

    def ear(self, pcm: Pcm, now: float) -> None:
        """An `Ear`: what the peer says, to the speaker."""
        loud = louder(pcm, self.speaker.volume)
        self.speaker.write(loud, now)
        if self.processing is not None:
            self.processing.render(loud if self.speaker.device is not None else SILENCE)
        self._rendered = True

    def mouth(self, now: float) -> Pcm | None:
        """A `Mouth`: what the microphone hears. None, so that nothing is sent, without one or while the key is up."""
        pcm = self.microphone.mouth(now)
        if self.processing is not None:
            if not self._rendered:
                self.processing.render(SILENCE)
            if self._ticks % _TICKS_PER_DELAY == 0:
                self.processing.set_delay(self.delay)
            self._ticks += 1
            # Also what nobody shall hear, so that the canceller stays with the room.
            pcm = self.processing.capture(SILENCE if pcm is None else pcm) if self.microphone.device else None
        self._rendered = False
        return pcm if self.talking else None

    def status(self) -> HandsetStatus:
        """How it stands."""
        return HandsetStatus(
            microphone=self.microphone.status(),
            speaker=self.speaker.status(),
            push_to_talk=self.push_to_talk,
            talking=self.talking,
        )

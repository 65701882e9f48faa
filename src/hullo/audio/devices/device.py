"""What a device is, and what can be wrong with one."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class DeviceError(Exception):
    """A device can't be used; the message says which, why and what to do."""


class NoAudio(DeviceError):
    """There is no way to any device here: no sound system, or no library for it."""


class SoundSystemStuck(NoAudio):
    """The sound system holds whoever asks it."""


class DeviceKind(StrEnum):
    """Which way the sound goes."""

    MICROPHONE = "microphone"
    SPEAKER = "speaker"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of the sound system."""

    id: str
    """The sound system and its own name for the device, `pulseaudio:alsa_input.usb-...`; the same when it returns."""
    name: str
    """For people."""
    kind: DeviceKind
    default: bool = False
    """Whether the sound system's user chose it there for everything."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The devices that are there."""

    microphones: tuple[Device, ...] = ()
    speakers: tuple[Device, ...] = ()

    def of(self, kind: DeviceKind) -> tuple[Device, ...]:
        """Those of one kind."""
        return self.microphones if kind is DeviceKind.MICROPHONE else self.speakers

    def default(self, kind: DeviceKind) -> Device | None:
        """The default of that kind, else any; None if there is none."""
        devices = self.of(kind)
        return next((device for device in devices if device.default), devices[0] if devices else None)

    def find(self, kind: DeviceKind, wanted: str) -> Device:
        """The device of that id or name, or whose name alone has `wanted` in it. Raises `DeviceError`."""
        devices = self.of(kind)
        for found in ([one for one in devices if one.id == wanted], [one for one in devices if one.name == wanted]):
            if found:
                return found[0]
        near = [one for one in devices if wanted.casefold() in one.name.casefold()]
        if len(near) == 1:
            return near[0]
        number = "more than one" if near else "no"
        raise DeviceError(f"{number} {kind} is called {wanted!r}; {_shown(kind, devices)}")


def _shown(kind: DeviceKind, devices: Sequence[Device]) -> str:
    if not devices:
        return f"there is no {kind}"
    return "there is " + ", ".join(repr(device.name) for device in devices)

"""The port to a sound library: what it has to do for us. One file each implements it."""

from collections.abc import Callable
from typing import Protocol

from hullo.audio.devices.device import Device, Listing, NoAudio
from hullo.media.pcm import Pcm

Take = Callable[[Pcm], None]
"""Takes what a microphone heard; called in a thread of the library, and only copies."""

Give = Callable[[int], Pcm]
"""Gives so many samples for a speaker; called in a thread of the library, and only copies."""

NAMES = ("miniaudio", "sounddevice", "null")
"""The backends: `null` is a device that hears silence and plays to nobody, in real time."""


class Stream(Protocol):
    """A device that is open."""

    def close(self) -> None:
        """Stop it and free it. After this no callback comes. Idempotent."""


class Backend(Protocol):
    """One sound library. Every method may block, and is called in one and the same thread.

    Sound is 48 kHz, mono, s16; the library converts for devices that differ. `period` is how much comes at a time, in
    seconds: a wish.
    """

    def listing(self) -> Listing:
        """The devices that are there now. Raises `NoAudio`."""

    def open_microphone(self, device: Device, take: Take, period: float) -> Stream:
        """Begin to hear. Raises `DeviceError`."""

    def open_speaker(self, device: Device, give: Give, period: float) -> Stream:
        """Begin to play. Raises `DeviceError`."""

    def close(self) -> None:
        """Free what `listing` needs; it may be asked again."""


def open_backend(name: str) -> Backend:
    """The backend of that name, one of `NAMES`. Raises `NoAudio` if its library is not there."""
    try:
        if name == "sounddevice":
            from hullo.audio.devices.sounddevice_backend import SounddeviceBackend

            return SounddeviceBackend()
        if name in NAMES:
            from hullo.audio.devices.miniaudio_backend import MiniaudioBackend

            return MiniaudioBackend(null=name == "null")
    except ImportError as error:
        raise NoAudio(f"microphones and speakers need pip install 'hullo[devices]' ({error.name} is missing)") from None
    except OSError as error:  # sounddevice without PortAudio
        raise NoAudio(f"{name} can't be used: {error}; apt-get install libportaudio2, or use miniaudio") from None
    raise NoAudio(f"there is no audio backend {name!r}: {', '.join(NAMES)} are possible")

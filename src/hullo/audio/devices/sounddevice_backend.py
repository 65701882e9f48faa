"""Devices through sounddevice, where PortAudio is the better way to a sound card. Needs the system's PortAudio.

PortAudio makes its list once. To see what came and went it has to be ended and begun again, which ends what is open;
so that is done while nothing is, and when a device could not be opened.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import sounddevice

from hullo.audio.devices.backend import Give, Take
from hullo.audio.devices.device import Device, DeviceError, DeviceKind, Listing, NoAudio
from hullo.media.pcm import SAMPLE_RATE

_CHANNELS = {DeviceKind.MICROPHONE: "max_input_channels", DeviceKind.SPEAKER: "max_output_channels"}
_DEFAULTS = {DeviceKind.MICROPHONE: "default_input_device", DeviceKind.SPEAKER: "default_output_device"}

_SERVERS = ("default", "pulse", "pipewire", "jack")
"""What of ALSA's list is no card and no converter."""

_DEVICE_UNAVAILABLE = -9985
_INVALID_SAMPLE_RATE = -9997


class SounddeviceBackend:
    """A `Backend`."""

    def __init__(self) -> None:
        self._open: set[_Stream] = set()
        self._stale = False

    def listing(self) -> Listing:
        """See `Backend`."""
        if self._stale or not self._open:
            self._begin_again()
        try:
            listing = Listing(
                microphones=tuple(_devices(DeviceKind.MICROPHONE)), speakers=tuple(_devices(DeviceKind.SPEAKER))
            )
        except sounddevice.PortAudioError as error:
            raise NoAudio(f"PortAudio finds no sound here: {_reason(error)}") from None
        if listing == Listing():
            raise NoAudio("PortAudio finds no microphone and no speaker here")
        return listing

    def open_microphone(self, device: Device, take: Take, period: float) -> "_Stream":
        """See `Backend`."""

        def called(heard: Any, frames: int, at: Any, status: Any) -> None:
            take(np.frombuffer(heard, dtype=np.int16).copy())

        return self._opened(sounddevice.RawInputStream, device, called, period)

    def open_speaker(self, device: Device, give: Give, period: float) -> "_Stream":
        """See `Backend`."""

        def called(to_play: Any, frames: int, at: Any, status: Any) -> None:
            to_play[:] = give(frames).tobytes()

        return self._opened(sounddevice.RawOutputStream, device, called, period)

    def close(self) -> None:
        """See `Backend`."""
        for stream in [*self._open]:
            stream.close()

    def _opened(
        self, opener: Callable[..., Any], device: Device, callback: Callable[..., None], period: float
    ) -> "_Stream":
        try:
            opened = opener(
                samplerate=SAMPLE_RATE,
                channels=1,
                dtype="int16",
                blocksize=round(period * SAMPLE_RATE),
                latency=2 * period,
                device=_index(device),
                callback=callback,
            )
            opened.start()
        except sounddevice.PortAudioError as error:
            self._stale = True
            raise DeviceError(f"the {device.kind} {device.name!r} can't be opened: {_reason(error)}") from None
        stream = _Stream(opened, self._open.discard)
        self._open.add(stream)
        return stream

    def _begin_again(self) -> None:
        self._stale = False
        self.close()  # whoever has them open hears nothing more, and opens them anew
        try:
            sounddevice._terminate()
            sounddevice._initialize()
        except sounddevice.PortAudioError as error:
            raise NoAudio(f"PortAudio can't be used: {_reason(error)}") from None


class _Stream:
    """A device that PortAudio plays to or hears."""

    def __init__(self, stream: Any, closed: "Callable[[_Stream], None]") -> None:
        self._stream = stream
        self._closed = closed

    def close(self) -> None:
        """See `Stream`."""
        if self._stream is not None:
            self._stream.close(ignore_errors=True)
            self._stream = None
            self._closed(self)


def _devices(kind: DeviceKind) -> list[Device]:
    default = next((one[_DEFAULTS[kind]] for one in sounddevice.query_hostapis() if one["devices"]), -1)
    return [
        Device(id=_id(one), name=one["name"], kind=kind, default=one["index"] == default)
        for one in sounddevice.query_devices()
        if one[_CHANNELS[kind]] > 0 and _is_usable(one)
    ]


def _is_usable(info: dict[str, Any]) -> bool:
    """Whether it is a device for people: ALSA lists its converters, too."""
    return _system(info) != "ALSA" or "(hw:" in info["name"] or info["name"] in _SERVERS


def _index(device: Device) -> int:
    channels = _CHANNELS[device.kind]
    for one in sounddevice.query_devices():
        if _id(one) == device.id and one[channels] > 0:
            return int(one["index"])
    raise DeviceError(f"the {device.kind} {device.name!r} is gone")


def _id(info: dict[str, Any]) -> str:
    return f"{_system(info).lower().replace(' ', '')}:{info['name']}"


def _system(info: dict[str, Any]) -> str:
    return str(sounddevice.query_hostapis(info["hostapi"])["name"])


def _reason(error: sounddevice.PortAudioError) -> str:
    code = error.args[1] if len(error.args) > 1 else None
    if code == _DEVICE_UNAVAILABLE:
        return "another program has it, or you may not use it (on Linux the user has to be in the group audio)"
    if code == _INVALID_SAMPLE_RATE:
        return "it has no 48 kHz; choose one of a sound server such as 'pulse' or 'default', which convert"
    return str(error.args[0]) if error.args else "PortAudio refused it"

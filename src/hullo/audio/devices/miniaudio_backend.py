"""Devices through miniaudio, which needs no system library: PulseAudio, PipeWire and ALSA, Core Audio, WASAPI.

The binding tells of no default device and forgets to free the connection of a closed one, so its library is asked
directly for these two.
"""

import sys
from collections.abc import Callable, Generator
from typing import Any

import miniaudio
import numpy as np
from miniaudio import Backend as System
from miniaudio import CaptureDevice, MiniaudioError, PlaybackDevice, ffi, lib

from hullo.audio.devices.backend import Give, Take
from hullo.audio.devices.device import Device, DeviceError, DeviceKind, Listing, NoAudio
from hullo.media.pcm import SAMPLE_RATE

_SYSTEMS = {
    "darwin": [System.COREAUDIO],
    "win32": [System.WASAPI],
    "linux": [System.PULSEAUDIO, System.ALSA],
}
"""Never the null device: a call without sound must say so."""

_PERIODS = 2
"""Buffers of a device; its own default is three."""


class MiniaudioBackend:
    """A `Backend`."""

    def __init__(self, *, null: bool = False) -> None:
        self._systems = [System.NULL] if null else _SYSTEMS.get(sys.platform, [System.ALSA])
        self._devices: miniaudio.Devices | None = None

    def listing(self) -> Listing:
        """See `Backend`."""
        microphones, speakers = self._infos()
        listing = Listing(
            microphones=self._usable(microphones, DeviceKind.MICROPHONE),
            speakers=self._usable(speakers, DeviceKind.SPEAKER),
        )
        if listing == Listing() and self._devices is not None and self._devices.backend == "ALSA":
            self.close()  # PulseAudio or PipeWire may come later
            raise NoAudio(_NO_SYSTEM)
        return listing

    def open_microphone(self, device: Device, take: Take, period: float) -> "_Stream":
        """See `Backend`."""
        return self._open(CaptureDevice, device, _taking(take), period)

    def open_speaker(self, device: Device, give: Give, period: float) -> "_Stream":
        """See `Backend`."""
        return self._open(PlaybackDevice, device, _giving(give), period)

    def close(self) -> None:
        """See `Backend`."""
        self._devices = None

    def _infos(self) -> tuple[list[Any], list[Any]]:
        """What the library tells of microphones and of speakers; gone with the next question."""
        speakers, microphones = ffi.new("ma_device_info**"), ffi.new("ma_device_info**")
        counts = ffi.new("ma_uint32[2]")
        if self._devices is None:
            try:
                self._devices = miniaudio.Devices(self._systems)
            except MiniaudioError:
                raise NoAudio(_NO_SYSTEM) from None
        result = lib.ma_context_get_devices(
            self._devices._context,
            speakers,
            counts,
            microphones,
            counts + 1,
        )
        if result != lib.MA_SUCCESS:
            self.close()  # the next question connects anew
            raise NoAudio("the sound server has gone; it is waited for")
        return [microphones[0][i] for i in range(counts[1])], [speakers[0][i] for i in range(counts[0])]

    def _usable(self, infos: list[Any], kind: DeviceKind) -> tuple[Device, ...]:
        devices = [self._device(info, kind) for info in infos]
        return tuple(device for device in devices if not _is_monitor(device) and not _is_plugin(device))

    def _device(self, info: Any, kind: DeviceKind) -> Device:
        assert self._devices is not None
        system = self._devices.backend.lower().replace(" ", "")
        name = ffi.string(info.name).decode(errors="replace")
        return Device(id=f"{system}:{_own_id(info.id)}", name=name, kind=kind, default=bool(info.isDefault))

    def _open(
        self,
        opener: Callable[..., CaptureDevice | PlaybackDevice],
        device: Device,
        callback: Generator[Any, Any, None],
        period: float,
    ) -> "_Stream":
        try:
            opened = opener(
                nchannels=1,
                sample_rate=SAMPLE_RATE,
                buffersize_msec=round(period * 1000),
                device_id=self._native_id(device),
                callback_periods=_PERIODS,
                backends=self._systems,
                thread_prio=miniaudio.ThreadPriority.REALTIME,  # where the system permits it, else as any other
                app_name="hullo",
            )
        except MiniaudioError as error:
            raise _failed(device, error) from None
        stream = _Stream(opened)
        next(callback)
        try:
            opened.start(callback)
        except MiniaudioError as error:
            stream.close()
            raise _failed(device, error) from None
        return stream

    def _native_id(self, device: Device) -> Any:
        microphones, speakers = self._infos()
        for info in microphones if device.kind is DeviceKind.MICROPHONE else speakers:
            if self._device(info, device.kind).id == device.id:
                return ffi.new("ma_device_id*", info.id)
        raise DeviceError(f"the {device.kind} {device.name!r} is gone")


class _Stream:
    """A device of miniaudio's that plays or hears."""

    def __init__(self, device: CaptureDevice | PlaybackDevice) -> None:
        self._device: CaptureDevice | PlaybackDevice | None = device

    def close(self) -> None:
        """See `Stream`."""
        if self._device is not None:
            context = self._device._context
            self._device.close()
            lib.ma_context_uninit(context)  # without it each device leaks a connection to the sound server
            self._device = None


def _taking(take: Take) -> Generator[None, bytearray, None]:
    while True:
        take(np.frombuffer((yield), dtype=np.int16))


def _giving(give: Give) -> Generator[bytes, int, None]:
    samples = b""
    while True:
        samples = give((yield samples)).tobytes()


def _own_id(native: Any) -> str:
    """The sound system's name of a device: all of them are text, one of 8 and one of 16 bits a character."""
    if sys.platform == "win32":
        return str(ffi.string(ffi.cast("wchar_t*", ffi.addressof(native))))
    return bytes(ffi.string(ffi.cast("char*", ffi.addressof(native)))).decode(errors="replace")


def _is_monitor(device: Device) -> bool:
    """Whether it hears what a speaker plays: as a microphone it would send the peer's voice back."""
    return device.id.startswith("pulseaudio:") and device.id.endswith(".monitor")


def _is_plugin(device: Device) -> bool:
    """Whether ALSA lists a converter or a null device among the devices; those have a card in their names."""
    return device.id.startswith("alsa:") and device.id != "alsa:default" and device.id.count(":") < 2


def _failed(device: Device, error: MiniaudioError) -> DeviceError:
    reason = _reason(error.args[-1] if isinstance(error.args[-1], int) else lib.MA_ERROR)
    return DeviceError(f"the {device.kind} {device.name!r} can't be opened: {reason}")


def _reason(code: int) -> str:
    return _REASONS.get(code, f"the sound system refused it (miniaudio error {code})")


_REASONS = {
    lib.MA_BUSY: "another program has it; end that program or choose another device",
    lib.MA_ACCESS_DENIED: "permission denied; on Linux the user has to be in the group audio",
    lib.MA_NO_DEVICE: "it is gone",
    lib.MA_DOES_NOT_EXIST: "it is gone",
    lib.MA_UNAVAILABLE: "it is in use or has been unplugged",
}

_NO_SYSTEM = (
    "there is no sound here: PulseAudio or PipeWire does not answer or refuses us, and there is no ALSA device; "
    "over ssh set PULSE_SERVER"
)

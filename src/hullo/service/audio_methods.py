"""The methods about microphones and speakers of the daemon's machine."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hullo.audio.devices.device import Device, DeviceError, DeviceKind, NoAudio
from hullo.audio.devices.memory import Volume
from hullo.service import rpc
from hullo.service.audio_desk import AudioDesk, AudioStatus
from hullo.service.errors import ErrorCode, domain_error
from hullo.service.method import Method, Service
from hullo.service.params import CallId, Nothing
from hullo.service.which_call import which_call

DEFAULT = "default"

Name = Annotated[
    Annotated[str, Meta(min_length=1, max_length=300)] | None,
    Meta(description="Its id or name, or `default` to follow the sound system; left out: as it is."),
]
Switch = Annotated[bool | None, Meta(description="Left out: as it is.")]


class ChooseParams(msgspec.Struct, frozen=True):
    """Which devices to use from now on."""

    microphone: Name = None
    speaker: Name = None


class ConfigureParams(msgspec.Struct, frozen=True):
    """How the handset works; what is left out stays as it is. Volumes are remembered."""

    microphone_volume: Annotated[Volume | None, Meta(description="What the microphone is multiplied with.")] = None
    speaker_volume: Annotated[Volume | None, Meta(description="What the speaker is multiplied with.")] = None
    push_to_talk: Switch = None
    echo_cancellation: Switch = None
    noise_suppression: Switch = None
    automatic_gain: Switch = None
    high_pass: Switch = None


class TalkParams(msgspec.Struct, frozen=True):
    """The key of push-to-talk."""

    pressed: Annotated[bool, Meta(description="Whether it is down.")]


class LevelsParams(msgspec.Struct, frozen=True):
    """How long to tell levels."""

    seconds: Annotated[
        Annotated[float, Meta(ge=0, le=60)], Meta(description="From now on; ask again before it is over. 0 stops.")
    ] = 5.0


class TestParams(msgspec.Struct, frozen=True):
    """Which device to test."""

    device: Annotated[DeviceKind, Meta(description="`microphone` or `speaker`: the one in use.")]
    seconds: Annotated[Annotated[float, Meta(ge=0.5, le=60)], Meta(description="For how long.")] = 3.0


class HandsetParams(msgspec.Struct, frozen=True):
    """Which call gets the handset, or gives it back."""

    on: Annotated[bool, Meta(description="False: take it off the call.")] = True
    call_id: CallId = None


class DevicesResult(msgspec.Struct, frozen=True, kw_only=True):
    """The devices there are, and the ids of those that were chosen; null follows the sound system's default."""

    microphones: tuple[Device, ...]
    speakers: tuple[Device, ...]
    chosen: dict[str, str | None]


class TalkResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the call gets what the microphone hears."""

    talking: bool


class LevelsResult(msgspec.Struct, frozen=True, kw_only=True):
    """How long levels are told."""

    seconds: float


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """The device that is being tested."""

    device: Device | None


class HandsetResult(msgspec.Struct, frozen=True, kw_only=True):
    """The call, whether it has the handset now, and how that stands."""

    call_id: str
    on: bool
    audio: AudioStatus


async def devices(service: Service, params: Nothing) -> DevicesResult:
    """The microphones and speakers of this machine. From now on `audio.changed` tells of those that come and go."""
    with _device_errors():
        desk = _desk(service)
        await desk.devices.refresh()
        return _devices(desk)


async def choose(service: Service, params: ChooseParams) -> DevicesResult:
    """Use other devices, in the call that is on too, and remember them; one that is unplugged is taken up again."""
    with _device_errors():
        desk = _desk(service)
        for kind, wanted in ((DeviceKind.MICROPHONE, params.microphone), (DeviceKind.SPEAKER, params.speaker)):
            if wanted is not None:
                await desk.devices.choose(kind, None if wanted == DEFAULT else wanted)
        return _devices(desk)


async def status(service: Service, params: Nothing) -> AudioStatus:
    """The handset as it stands: its call, its devices, their levels, and what went wrong with them."""
    with _device_errors():
        return _desk(service).status()


async def configure(service: Service, params: ConfigureParams) -> AudioStatus:
    """Change volumes, processing and push-to-talk, in the call that is on too."""
    with _device_errors():
        desk = _desk(service)
        for kind, volume in (
            (DeviceKind.MICROPHONE, params.microphone_volume),
            (DeviceKind.SPEAKER, params.speaker_volume),
        ):
            if volume is not None:
                desk.devices.set_volume(kind, volume)
        names = [field.name for field in dataclasses.fields(desk.processing)]
        switches = {name: getattr(params, name) for name in names if getattr(params, name) is not None}
        push_to_talk = desk.push_to_talk if params.push_to_talk is None else params.push_to_talk
        await desk.configure(dataclasses.replace(desk.processing, **switches), push_to_talk)
        return desk.status()


async def talk(service: Service, params: TalkParams) -> TalkResult:
    """Press or release the key of push-to-talk; while it is up nothing is sent, not even silence."""
    with _device_errors():
        return TalkResult(talking=_desk(service).talk(params.pressed))


async def levels(service: Service, params: LevelsParams) -> LevelsResult:
    """Have `audio.levels` told ten times a second for a while, to every client. Opens no device."""
    with _device_errors():
        _desk(service).tell_levels(params.seconds)
        return LevelsResult(seconds=params.seconds)


async def test(service: Service, params: TestParams) -> TestResult:
    """Test the device in use: a microphone by its level in `audio.levels`, a speaker by a tone. Returns at once.

    A test of the same kind of device that goes on is over then.
    """
    with _device_errors():
        desk = _desk(service)
        if params.device is DeviceKind.MICROPHONE:
            return TestResult(device=await desk.test_microphone(params.seconds))
        return TestResult(device=await desk.test_speaker(params.seconds))


async def handset(service: Service, params: HandsetParams) -> HandsetResult:
    """Put microphone and speaker of this machine on a call, in place of an agent, or take them off.

    The call may still ring. Whatever call had the handset has it no more; `call.bridged` tells so. With only one of
    the two devices the call has that; `audio` says what is missing.
    """
    call = which_call(service, params.call_id)
    with _device_errors():
        desk = _desk(service)
        if params.on:
            await desk.put_on(call)
        else:
            await desk.take_off(call)
        return HandsetResult(call_id=call.call_id, on=params.on, audio=desk.status())


_ERRORS = (ErrorCode.NO_AUDIO, ErrorCode.DEVICE_FAILED)
_REMEMBERING = (*_ERRORS, ErrorCode.FILE_FAILED)
_ONE_CALL = (ErrorCode.UNKNOWN_CALL, ErrorCode.WHICH_CALL, ErrorCode.WRONG_STATE)

AUDIO_METHODS: tuple[Method[Any], ...] = (
    Method("call.handset", HandsetParams, HandsetResult, handset, (*_ONE_CALL, *_ERRORS)),
    Method("audio.devices", Nothing, DevicesResult, devices, _ERRORS),
    Method("audio.choose", ChooseParams, DevicesResult, choose, _REMEMBERING),
    Method("audio.status", Nothing, AudioStatus, status, (ErrorCode.NO_AUDIO,)),
    Method("audio.configure", ConfigureParams, AudioStatus, configure, _REMEMBERING),
    Method("audio.talk", TalkParams, TalkResult, talk, (ErrorCode.NO_AUDIO,)),
    Method("audio.levels", LevelsParams, LevelsResult, levels, (ErrorCode.NO_AUDIO,)),
    Method("audio.test", TestParams, TestResult, test, _ERRORS),
)
"""They are part of `hullo.service.methods.METHODS`."""


def _desk(service: Service) -> AudioDesk:
    if service.audio is None:
        raise NoAudio("this daemon uses no microphone and no speaker: [audio] enabled is false")
    return service.audio


@contextlib.contextmanager
def _device_errors() -> Iterator[None]:
    try:
        yield
    except NoAudio as error:
        raise _as_rpc_error(ErrorCode.NO_AUDIO, error) from error
    except DeviceError as error:
        raise _as_rpc_error(ErrorCode.DEVICE_FAILED, error) from error


def _as_rpc_error(code: ErrorCode, error: DeviceError) -> rpc.RpcError:
    return domain_error(code, str(error), "audio.devices shows what there is; docs/audio.md")


def _devices(desk: AudioDesk) -> DevicesResult:
    return DevicesResult(
        microphones=desk.devices.listing.microphones,
        speakers=desk.devices.listing.speakers,
        chosen={kind.value: desk.devices.choices.of(kind).device for kind in DeviceKind},
    )

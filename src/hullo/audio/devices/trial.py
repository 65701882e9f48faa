"""A microphone or a speaker opened for a moment, to see whether it does anything. Nothing is to be heard of it."""

import asyncio
import contextlib
from typing import Final

import msgspec

from hullo.audio.devices.device import Device, DeviceError
from hullo.audio.devices.devices import Devices
from hullo.audio.devices.sides import FIRST_CALL_SECONDS, Microphone, Side, Speaker
from hullo.media.pcm import FRAME_SECONDS, LOWEST_DBFS, SAMPLE_RATE, level_dbfs

TRIAL_SECONDS: Final = 1.0
"""How long a device is watched once it has begun, for which it has `FIRST_CALL_SECONDS`."""

_SETTLE_SECONDS = 0.3
"""At first a sound server gives all that it has, or takes all that it can hold."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a device did."""

    device: Device
    speed: float
    """How fast it gave or took sound; 1.0 is 48 kHz, 0.0 none at all. A busy machine is off by some hundredths."""
    loudest_dbfs: float = LOWEST_DBFS
    """What a microphone heard, multiplied with its volume."""


async def try_microphone(devices: Devices) -> Trial:
    """Hear for a moment. Raises `DeviceError`."""
    loudest = LOWEST_DBFS
    async with Microphone(devices) as microphone:
        begun = await _begun(microphone)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TRIAL_SECONDS):
                async for samples in microphone.heard():
                    loudest = max(loudest, level_dbfs(samples))
        return _outcome(microphone, begun, loudest)


async def try_speaker(devices: Devices) -> Trial:
    """Play silence for a moment. Raises `DeviceError`."""
    async with Speaker(devices) as speaker:
        begun = await _begun(speaker)
        await asyncio.sleep(TRIAL_SECONDS)
        return _outcome(speaker, begun, LOWEST_DBFS)


async def _begun(side: Side) -> tuple[float, int]:
    """Its progress once it runs evenly, or once it is plain that it does not run."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FIRST_CALL_SECONDS):
            while not side.progress[1]:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(FRAME_SECONDS)
    await asyncio.sleep(_SETTLE_SECONDS)
    return side.progress


def _outcome(side: Side, begun: tuple[float, int], loudest: float) -> Trial:
    if side.device is None:
        raise DeviceError(side.status().detail or f"the {side.kind} is gone")
    seconds, samples = (now - then for now, then in zip(side.progress, begun, strict=True))
    speed = samples / SAMPLE_RATE / seconds if samples > 0 and seconds > 0 else 0.0
    return Trial(device=side.device, speed=speed, loudest_dbfs=loudest)

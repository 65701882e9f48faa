"""The part of `hullo doctor` about microphone and speaker: whether sound comes and goes."""

import asyncio
from collections.abc import Iterator
from typing import Final

from hullo.audio.devices.device import Device, DeviceError, DeviceKind, NoAudio, SoundSystemStuck
from hullo.audio.devices.devices import Devices
from hullo.audio.devices.trial import Trial, try_microphone, try_speaker
from hullo.audio.settings import AudioConfig
from hullo.cli.finding import Finding, Verdict
from hullo.media.pcm import LOWEST_DBFS
from hullo.service.config import load_config
from hullo.service.config_errors import ConfigError

DEADLINE: Final = 10.0
"""For all of it; only a sound system that hangs comes near."""

_BOTH = "microphone and speaker"
_OFF_CLOCK = 0.1
_LOOKS = 3
"""A machine that was busy for a moment does not make sound stutter in calls."""
_RESTART = "restart the sound server: systemctl --user restart pipewire pulseaudio"
_FOR_PEOPLE = "only for people who call with this machine: docs/audio.md"


def examine_sound() -> Iterator[Finding]:
    """The microphone and the speaker that a call would have now, each opened for a moment."""
    try:
        config = load_config().audio
    except ConfigError:
        yield Finding(_BOTH, Verdict.OPTIONAL, "not looked at", "mend the configuration first")
        return
    if config.enabled:
        yield from asyncio.run(_examine(config))
    else:
        yield Finding(_BOTH, Verdict.OPTIONAL, "[audio] enabled = false", _FOR_PEOPLE)


async def _examine(config: AudioConfig) -> list[Finding]:
    try:
        async with config.devices() as ours, asyncio.timeout(DEADLINE):
            await ours.refresh()
            return [
                *await asyncio.gather(
                    _look(ours, DeviceKind.MICROPHONE, config.microphone),
                    _look(ours, DeviceKind.SPEAKER, config.speaker),
                )
            ]
    except SoundSystemStuck as error:
        return [Finding(_BOTH, Verdict.BROKEN, str(error), _RESTART)]
    except NoAudio as error:
        return [Finding(_BOTH, Verdict.OPTIONAL, str(error), _FOR_PEOPLE)]
    except TimeoutError:
        return [Finding(_BOTH, Verdict.BROKEN, f"they take more than {DEADLINE:g} s to open", _RESTART)]


async def _look(ours: Devices, kind: DeviceKind, configured: str | None) -> Finding:
    if ours.wanted(kind) is None:
        return Finding(kind.value, Verdict.OPTIONAL, "there is none", f"plug one in; {_FOR_PEOPLE}")
    try:
        trial = await _tried(ours, kind)
    except DeviceError as error:
        return Finding(kind.value, Verdict.BROKEN, str(error), f"or use another one: {_choose(kind)}")
    finding = _finding(kind, trial, ours.volume(kind))
    absent = _absent(ours, trial.device, configured)
    if absent is None or finding.verdict is not Verdict.OK:
        return finding
    found = f"{finding.found}; {absent}, which was chosen, is not there"
    remedy = f"plug it in, or stay with this one: hullo devices choose {kind} default"
    return Finding(kind.value, Verdict.OPTIONAL, found, remedy)


async def _tried(ours: Devices, kind: DeviceKind) -> Trial:
    """What it did at the first look at which it kept its speed, or else at the last."""
    look = try_microphone if kind is DeviceKind.MICROPHONE else try_speaker
    trial = await look(ours)
    for _ in range(_LOOKS - 1):
        if trial.speed == 0.0 or not _is_off(trial.speed):
            break
        trial = await look(ours)
    return trial


def _is_off(speed: float) -> bool:
    return abs(speed - 1.0) > _OFF_CLOCK


def _finding(kind: DeviceKind, trial: Trial, volume: float) -> Finding:
    hears = kind is DeviceKind.MICROPHONE
    name = trial.device.name

    def finding(verdict: Verdict, found: str, remedy: str = "") -> Finding:
        return Finding(kind.value, verdict, f"{name} {found}", remedy)

    if trial.speed == 0.0:
        return finding(Verdict.BROKEN, f"was opened and {'gives' if hears else 'takes'} no sound", _RESTART)
    if _is_off(trial.speed):
        found = f"runs at {trial.speed:.0%} of its speed: sound will stutter"
        return finding(Verdict.OPTIONAL, found, "is the machine too busy? [audio] buffer_ms = 40 helps then")
    if volume == 0.0:
        return finding(Verdict.OPTIONAL, "has its volume at 0", f"turn it up: [audio] {kind}_volume, or audio.volume")
    if not hears:
        return finding(Verdict.OK, "takes sound; to hear it: hullo devices test speaker")
    if trial.loudest_dbfs <= LOWEST_DBFS:
        found = "gives silence, without even noise: is it muted?"
        return finding(Verdict.OPTIONAL, found, f"unmute it, or use another one: {_choose(kind)}")
    return finding(Verdict.OK, f"gives sound, {trial.loudest_dbfs:.0f} dBFS at the loudest")


def _choose(kind: DeviceKind) -> str:
    return f"hullo devices choose {kind} NAME"


def _absent(ours: Devices, used: Device, configured: str | None) -> str | None:
    """What was asked for in place of the device that is used."""
    choice = ours.choices.of(used.kind)
    wanted = choice.device or configured
    try:
        there = wanted is None or ours.listing.find(used.kind, wanted).id == used.id
    except DeviceError:
        there = False
    return None if there else repr(choice.name or wanted)

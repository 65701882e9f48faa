"""The devices of this machine: which there are, which are wanted, and the eye that is kept on them."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import msgspec

from hullo.audio.devices.backend import Backend, open_backend
from hullo.audio.devices.device import Device, DeviceError, DeviceKind, Listing, NoAudio, SoundSystemStuck
from hullo.audio.devices.memory import Choices, keep_choices, load_choices
from hullo.audio.devices.sound_thread import SoundThread

LOOK_SECONDS = 0.2
"""Between two looks at the devices while one is open: with `STALL_SECONDS`, sound is back within a second."""

IDLE_LOOK_SECONDS = 2.0


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Devices came or went, or the ones in use are others."""

    listing: Listing
    detail: str
    """What happened, for people."""


class Keeper(Protocol):
    """What keeps a device open: `hullo.audio.devices.sides.Side`."""

    @property
    def kind(self) -> DeviceKind:
        """Which kind of device."""

    def follow(self, backend: Backend, wanted: Device | None, missing: str, period: float, now: float) -> str | None:
        """Have the wanted device open, and tell what has changed."""

    def close(self) -> None:
        """Close the device."""

    def abandon(self, problem: str) -> None:
        """Forget the device without closing it: the sound system would not answer."""


class Devices:
    """The devices of this machine; an asynchronous context manager that looks after them.

    Nothing is touched before the first question. The device of a kind is the one that was chosen; while that is not
    there, the one that `fallback` names, else the sound system's default.
    """

    def __init__(
        self,
        backend: str = "miniaudio",
        *,
        memory: Path | None = None,
        fallback: Choices = Choices(),  # noqa: B008  # frozen
        period: float = 0.01,
    ) -> None:
        """`memory` is a file that keeps choices, `period` how much sound devices shall give and take at a time."""
        self.period = period
        self.listing = Listing()
        self.on_change: Callable[[Changed], None] = _ignore
        self._backend_name = backend
        self._backend: Backend | None = None
        self._memory = memory
        self._fallback = fallback
        self.choices = (None if memory is None else load_choices(memory)) or Choices()
        self._thread = SoundThread()
        self._looking = asyncio.Lock()
        self._keepers: list[Keeper] = []
        self._asked = asyncio.Event()
        self._in_use = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._looked = False
        self._problem: NoAudio | None = None

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._task = self._tasks.create_task(self._watch(), name="devices")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        assert self._task is not None
        self._task.cancel()
        await self._tasks.__aexit__(None, None, None)
        for keeper in [*self._keepers]:
            await self.leave(keeper)
        self._thread.stop()

    @property
    def backend(self) -> str:
        """The sound library in use."""
        return self._backend_name

    async def refresh(self) -> Listing:
        """Look now. Raises `NoAudio`, and `SoundSystemStuck` when the sound system does not answer."""
        await self._look()
        if self._problem is not None:
            raise type(self._problem)(str(self._problem))
        return self.listing

    async def choose(self, kind: DeviceKind, wanted: str | None) -> Device | None:
        """Use the device of that id or name from now on, None for the sound system's default, and remember it.

        Returns the device. Raises `DeviceError`, and `OSError` if it can't be remembered.
        """
        listing = await self.refresh()
        device = None if wanted is None else listing.find(kind, wanted)
        choice = msgspec.structs.replace(
            self.choices.of(kind),
            device=None if device is None else device.id,
            name=None if device is None else device.name,
        )
        self._keep(self.choices.replaced(kind, choice))
        await self._look()
        return device

    def set_volume(self, kind: DeviceKind, volume: float) -> None:
        """Multiply the sound of that kind of device, and remember it. Raises `OSError`."""
        self._keep(self.choices.replaced(kind, msgspec.structs.replace(self.choices.of(kind), volume=volume)))

    def wanted(self, kind: DeviceKind) -> Device | None:
        """The device to use now; None if there is none."""
        for choice in (self.choices.of(kind), self._fallback.of(kind)):
            for key in filter(None, (choice.device, choice.name)):
                try:
                    return self.listing.find(kind, key)
                except DeviceError:
                    continue
        return self.listing.default(kind)

    def volume(self, kind: DeviceKind) -> float:
        """What the sound of that kind of device is multiplied with."""
        volumes = (self.choices.of(kind).volume, self._fallback.of(kind).volume)
        return next((volume for volume in volumes if volume is not None), 1.0)

    async def enter(self, keeper: Keeper) -> None:
        """Keep a device open for it."""
        self._keepers.append(keeper)
        self._in_use.set()
        await self._look()

    async def leave(self, keeper: Keeper) -> None:
        """Close its device."""
        if keeper in self._keepers:
            self._keepers.remove(keeper)
            if not self._keepers:
                self._in_use.clear()
            async with self._looking:
                try:
                    await self._thread.run(keeper.close)
                except SoundSystemStuck as stuck:
                    self._lost(stuck)

    def _keep(self, choices: Choices) -> None:
        self.choices = choices
        if self._memory is not None:
            keep_choices(self._memory, choices)

    async def _watch(self) -> None:
        await self._asked.wait()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_LOOK_SECONDS):
                    await self._in_use.wait()
                    await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        """See which devices there are, have the wanted ones open, and tell what has changed."""
        async with self._looking:
            self._asked.set()
            before = self.listing
            try:
                await self._list()
                news = [*_differences(before, self.listing)] if self._looked else []
                for keeper in self._keepers:
                    news += await self._have_followed(keeper)
            except SoundSystemStuck as stuck:
                news = [] if isinstance(self._problem, SoundSystemStuck) else [str(stuck)]
                self._lost(stuck)
            self._looked = True
        if news:
            self.on_change(Changed(listing=self.listing, detail="; ".join(news)))

    async def _list(self) -> None:
        try:
            self.listing, self._problem = await self._thread.run(self._listed), None
        except SoundSystemStuck:
            raise
        except NoAudio as error:
            self.listing, self._problem = Listing(), error

    async def _have_followed(self, keeper: Keeper) -> list[str]:
        wanted = self.wanted(keeper.kind)
        missing = f"there is no {keeper.kind}" if self._problem is None else str(self._problem)
        changed = await self._thread.run(functools.partial(self._follow, keeper, wanted, missing))
        return [] if changed is None else [changed]

    def _lost(self, problem: SoundSystemStuck) -> None:
        """Whatever hangs in the sound system is left to itself; the next look begins anew."""
        self._problem = problem
        self._backend = None
        self.listing = Listing()
        for keeper in self._keepers:
            keeper.abandon(str(problem))

    def _listed(self) -> Listing:
        if self._backend is None:
            self._backend = open_backend(self._backend_name)
        return self._backend.listing()

    def _follow(self, keeper: Keeper, wanted: Device | None, missing: str) -> str | None:
        if self._backend is None:
            return None
        return keeper.follow(self._backend, wanted, missing, self.period, time.monotonic())


def _differences(before: Listing, after: Listing) -> Sequence[str]:
    news = []
    for kind in DeviceKind:
        names_before = {device.id: device.name for device in before.of(kind)}
        names_after = {device.id: device.name for device in after.of(kind)}
        news += [f"{kind} {name} is gone" for key, name in names_before.items() if key not in names_after]
        news += [f"{kind} {name} is there" for key, name in names_after.items() if key not in names_before]
    return news


def _ignore(changed: Changed) -> None: ...

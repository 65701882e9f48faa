"""What a process has once to hear and speak: hosts, model and clients, for all of its calls."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from hullo.media.pcm import Pcm
from hullo.speech.client import Endpoint, FixedEndpoint, RecogniserClient, VoiceClient, whole
from hullo.speech.errors import SpeechError
from hullo.speech.events import HostEvent, ListenerEvent, QueueEvent
from hullo.speech.listener import Listener
from hullo.speech.queue import SpeechQueue
from hullo.speech.settings import ESPEAK, POCKETSPHINX, SpeechSettings
from hullo.speech.supervisor import HostSupervisor, Patience
from hullo.speech.vad import SileroModel

Clock = Callable[[], float]


class SpeechService:
    """Used as `async with`: entering starts the hosts and waits until they listen, leaving ends them.

    `on_event` is told when a host goes down and comes up again. Entering raises `SpeechError` when a package is
    missing or a host does not start.
    """

    def __init__(
        self,
        settings: SpeechSettings | None = None,
        on_event: Callable[[HostEvent], None] = lambda _: None,
        *,
        clock: Clock = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self.settings = settings or SpeechSettings()
        self._clock = clock
        self._stack = AsyncExitStack()
        self._hosts: dict[str, HostSupervisor] = {}
        self._model: SileroModel | None = None
        if self.settings.recogniser == POCKETSPHINX:
            self._hosts["recogniser"] = HostSupervisor("recogniser", [], on_event, patience)
        if self.settings.voice == ESPEAK:
            self._hosts["voice"] = HostSupervisor("voice", self.settings.host_options(), on_event, patience)
        self._recogniser = self._recogniser_client()
        self._voice = self._voice_client()

    async def __aenter__(self) -> Self:
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        try:
            for host in self._hosts.values():
                self._stack.callback(tasks.create_task(host.run()).cancel)
            if self._recogniser is not None:
                self._model = await asyncio.to_thread(SileroModel)
            for host in self._hosts.values():
                await host.started()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def hosts(self) -> dict[str, int | None]:
        """The process id of each host by its role; None while it is down."""
        return {role: host.pid for role, host in self._hosts.items()}

    def listener(self, on_event: Callable[[ListenerEvent], None], started: float | None = None) -> Listener:
        """The ear of a new call, whose media began at `started` (None: with its first frame)."""
        if self._recogniser is None or self._model is None:
            raise SpeechError("This service was started without a recogniser: set one to hear")
        settings = self.settings
        return Listener(
            self._recogniser,
            self._model,
            settings.segmenter(),
            settings.strategy(),
            on_event,
            started=started,
            clock=self._clock,
        )

    def queue(self, on_event: Callable[[QueueEvent], None]) -> SpeechQueue:
        """The mouth of a new call; without a voice it can still play files."""
        return SpeechQueue(self._voice, on_event, clock=self._clock)

    async def synthesise(self, text: str) -> Pcm:
        """The whole of `text` as sound. Raises `SpeechError`."""
        if self._voice is None:
            raise SpeechError("This service was started without a voice: set one to speak")
        return await whole(self._voice.synthesise(text))

    def _recogniser_client(self) -> RecogniserClient | None:
        settings = self.settings
        if settings.recogniser is None:
            return None
        endpoint = self._endpoint("recogniser", settings.recogniser)
        return RecogniserClient(endpoint, timeout=settings.recogniser_timeout, language=settings.language)

    def _voice_client(self) -> VoiceClient | None:
        settings = self.settings
        if settings.voice is None:
            return None
        name = None if settings.voice == ESPEAK else settings.voice_name
        return VoiceClient(self._endpoint("voice", settings.voice), timeout=settings.voice_timeout, voice=name)

    def _endpoint(self, role: str, uri: str) -> Endpoint:
        host = self._hosts.get(role)
        return host if host is not None else FixedEndpoint(uri)


async def synthesise(text: str, settings: SpeechSettings | None = None) -> Pcm:
    """The whole of `text` as 48 kHz sound, by a voice that lives just for it. Raises `SpeechError`."""
    only_voice = dataclasses.replace(settings or SpeechSettings(), recogniser=None, language=None)
    async with SpeechService(only_voice) as service:
        return await service.synthesise(text)

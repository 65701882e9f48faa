"""What a process has once to hear and speak: hosts, model and clients, for all of its calls."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from hullo.media.pcm import Pcm
from hullo.speech.backends import Watched, aligner_backend, recogniser_backend, voice_backend
from hullo.speech.errors import SpeechError
from hullo.speech.events import HostEvent, HostLoading, ListenerEvent, QueueEvent
from hullo.speech.hosting.download_display import DownloadDisplay
from hullo.speech.hosting.supervisor import HostSupervisor, Patience
from hullo.speech.interruption.barge_in import BargeIn
from hullo.speech.listening.hearing import HearingChange
from hullo.speech.listening.listener import Listener
from hullo.speech.listening.suppression import load_suppression
from hullo.speech.listening.vad import SileroModel
from hullo.speech.ports import Voice, whole
from hullo.speech.settings import SpeechSettings
from hullo.speech.speaking.phrases import PhraseFolder, PreparedVoice
from hullo.speech.speaking.queue import SpeechQueue

log = logging.getLogger(__name__)

Clock = Callable[[], float]


class SpeechService:
    """Used as `async with`: entering starts the hosts and waits until they listen, leaving ends them.

    `on_event` is told when a host or a server goes down and comes up again, and of downloads, which are also shown at
    the terminal. Entering raises `SpeechError` when a package is missing, a host does not start, or a server can't do
    what the settings ask for; a server that does not answer is waited for in the background.
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
        self._on_event = on_event
        self._downloads = DownloadDisplay()
        self._model: SileroModel | None = None
        self.recogniser, recogniser = recogniser_backend(self.settings, self._tell, patience)
        self.voice, voice = voice_backend(self.settings, self._tell, patience)
        self._prepared = _prepared(self.voice, self.settings) if self.voice is not None else None
        self._aligner, aligner = aligner_backend(self.settings, self.voice, patience)
        self._backends = {"recogniser": recogniser, "voice": voice, "aligner": aligner}

    async def __aenter__(self) -> Self:
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        watched = [one for backend in self._backends.values() for one in backend.watched]
        try:
            for backend in self._backends.values():
                self._stack.push_async_callback(backend.close)
            for one in watched:
                self._stack.callback(tasks.create_task(one.run()).cancel)
            if self.recogniser is not None or self._hears_interruptions:
                self._model = await asyncio.to_thread(SileroModel)
            if self.recogniser is not None:
                await self.hearing(HearingChange())
            with self._downloads:
                await _all_started(watched)
            self._stack.callback(tasks.create_task(self._prepare_fillers()).cancel)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def _hears_interruptions(self) -> bool:
        return self.voice is not None and self.settings.interruption.enabled

    @property
    def hosts(self) -> dict[str, int | None]:
        """The process id of each host by its role; None while it is down."""
        hosts = [(role, one) for role, backend in self._backends.items() for one in backend.watched]
        return {role: one.pid for role, one in hosts if isinstance(one, HostSupervisor)}

    async def hearing(self, change: HearingChange, of: SpeechSettings | None = None) -> SpeechSettings:
        """`of` (None: our settings) with `change`, when everything for it is there. Raises `SpeechError`."""
        if self.recogniser is None:
            raise SpeechError("This service was started without a recogniser: set one to hear")
        changed = change.applied(of or self.settings)
        if changed.noise_suppression:
            await asyncio.to_thread(load_suppression)
        return changed

    def listener(self, on_event: Callable[[ListenerEvent], None], started: float | None = None) -> Listener:
        """The ear of a new call, whose media began at `started` (None: with its first frame)."""
        if self.recogniser is None or self._model is None:
            raise SpeechError("This service was started without a recogniser: set one to hear")
        settings = self.settings
        listener = Listener(
            self.recogniser,
            self._model,
            settings.segmenter(),
            settings.strategy(),
            on_event,
            started=started,
            clock=self._clock,
            speculative=settings.recognises_pauses,
            live_words=settings.live_words,
        )
        listener.suppress_noise(settings.noise_suppression)
        return listener

    def barge_in(self, queue: SpeechQueue, heard_delay: Callable[[], float]) -> BargeIn | None:
        """What lets the peer of a new call interrupt `queue`; None without a voice, and for calls that can't be."""
        if self._model is None or self.voice is None:
            return None
        return BargeIn(queue, self._model, self.settings.interruptions(), heard_delay)

    def queue(self, on_event: Callable[[QueueEvent], None]) -> SpeechQueue:
        """The mouth of a new call; without a voice it can still play files."""
        return SpeechQueue(self._prepared, on_event, clock=self._clock, aligner=self._aligner)

    async def prepare(self, text: str) -> None:
        """Have `text` ready, so that it can be said at once, in any call. Raises `SpeechError`."""
        if self._prepared is None:
            raise SpeechError("This service was started without a voice: set one to speak")
        await self._prepared.prepare(text)

    async def synthesise(self, text: str) -> Pcm:
        """The whole of `text` as sound. Raises `SpeechError`."""
        if self.voice is None:
            raise SpeechError("This service was started without a voice: set one to speak")
        return await whole(self.voice.synthesise(text))

    async def _prepare_fillers(self) -> None:
        """A filler that had to be made first would fill nothing."""
        if self._prepared is None:
            return
        try:
            for text in self.settings.filler:
                await self._prepared.prepare(text)
        except SpeechError as error:
            log.warning("the fillers are not ready: %s", error)

    def _tell(self, event: HostEvent) -> None:
        if isinstance(event, HostLoading):
            self._downloads.show(event)
        self._on_event(event)


def _prepared(voice: Voice, settings: SpeechSettings) -> PreparedVoice:
    folder = PhraseFolder(settings.phrase_folder) if settings.phrase_folder is not None else None
    return PreparedVoice(voice, str(settings.voice), settings.voice_options(), folder)


async def _all_started(watched: Sequence[Watched]) -> None:
    """Return once all are there. Raises `SpeechError` as soon as one can't be used."""
    try:
        async with asyncio.TaskGroup() as starting:
            for one in watched:
                starting.create_task(one.started())
    except* SpeechError as errors:
        raise SpeechError(str(errors.exceptions[0])) from None


async def synthesise(text: str, settings: SpeechSettings | None = None) -> Pcm:
    """The whole of `text` as 48 kHz sound, by a voice that lives just for it. Raises `SpeechError`."""
    async with SpeechService((settings or SpeechSettings()).only_voice()) as service:
        return await service.synthesise(text)

"""A Wyoming server that somebody else runs: asked what it can do, and asked again while it is away."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from wyoming.event import Event
from wyoming.info import Describe

from hullo.speech.errors import SpeechError
from hullo.speech.events import HostDown, HostEvent, HostUp
from hullo.speech.hosting.supervisor import Patience
from hullo.speech.servers.capabilities import Capabilities
from hullo.speech.servers.wire import Connection

log = logging.getLogger(__name__)

_FIRST_DELAY, _LONGEST_DELAY = 0.2, 10.0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is going to be asked of a server; it must be able to do all that it says anything about."""

    language: str | None = None
    model: str | None = None
    voice: str | None = None
    speaker: str | None = None

    def check(self, able: Capabilities) -> None:
        """Raise `SpeechError` for the first thing that the server says it can't do."""
        if self.language is not None and able.languages and not _spoken(self.language, able.languages):
            raise SpeechError(f"{able.program} knows {_some(sorted(able.languages))}, not '{self.language}'")
        if self.model is not None and able.models and self.model not in able.models:
            raise SpeechError(f"{able.program} has the models {_some(able.models)}, not '{self.model}'")
        if self.voice is not None and able.speakers and self.voice not in able.speakers:
            raise SpeechError(f"{able.program} has the voices {_some(tuple(able.speakers))}, not '{self.voice}'")
        if self.voice is not None and self.speaker is not None:
            speakers = able.speakers.get(self.voice, ())  # of voices of their own, servers often name none
            if speakers and self.speaker not in speakers:
                raise SpeechError(
                    f"The voice {self.voice} of {able.program} has the speakers {_some(speakers)}, not '{self.speaker}'"
                )


class RemoteServer:
    """An `Endpoint`: the server at `uri`, watched by whoever runs `run`.

    `read` takes its capabilities from its `info`; `on_event` is told when it is away and when it is back. Requests are
    held for a while when it is away, and refused at once when it can't do what is `wanted`.
    """

    def __init__(
        self,
        role: str,
        uri: str,
        read: Callable[[Event], Capabilities],
        wanted: Wanted,
        on_event: Callable[[HostEvent], None],
        patience: Patience | None = None,
    ) -> None:
        self._role = role
        self._uri = uri
        self._read = read
        self._wanted = wanted
        self._on_event = on_event
        self._patience = patience or Patience()
        self._up = asyncio.Event()
        self._look = asyncio.Event()
        self._settled = asyncio.Event()
        self._failure = "it has not been asked yet"
        self._refusal: SpeechError | None = None
        self.capabilities: Capabilities | None = None

    async def uri(self) -> str:
        """The server's URI, once it answers. Raises a transient `SpeechError` when it stays away."""
        try:
            async with asyncio.timeout(self._patience.restart):
                await self._up.wait()
        except TimeoutError:
            raise SpeechError(f"The {self._role} is away: {self._failure}", transient=True) from None
        return self._uri

    def failed(self) -> None:
        """A request has just failed: nobody gets the URI before the server has answered again."""
        self._up.clear()
        self._look.set()

    async def started(self) -> None:
        """Return once the server was asked for the first time; one that is away may come later.

        Raises `SpeechError` when it can't do what is wanted.
        """
        await self._settled.wait()
        if self._refusal is not None:
            raise self._refusal

    async def run(self) -> None:
        """Ask the server at the beginning and after each failure, until it answers; until cancelled."""
        absences = 0
        while True:
            was_away = await self._until_it_answers()
            absences += was_away
            if was_away or not self._settled.is_set():
                self._on_event(HostUp(role=self._role, restarts=absences))
            self._settled.set()
            await self._look.wait()
            self._look.clear()

    async def _until_it_answers(self) -> bool:
        """Whether it was away."""
        was_away, delay = False, _FIRST_DELAY
        while not await self._answers():
            if not was_away:
                log.warning("The %s is away: %s", self._role, self._failure)
                self._on_event(HostDown(role=self._role, detail=self._failure, retry_in_ms=delay * 1000))
            was_away = True
            self._settled.set()
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
        self._up.set()
        return was_away

    async def _answers(self) -> bool:
        try:
            self.capabilities = await self._ask()
            self._wanted.check(self.capabilities)
        except SpeechError as error:
            self._failure = str(error)
            self._refusal = None if error.transient else error
            return False
        self._refusal = None
        return True

    async def _ask(self) -> Capabilities:
        async with Connection(self._uri) as connection:
            await connection.write(Describe(), within=self._patience.ping)
            try:
                while (event := await connection.read(self._patience.ping)).type != "info":
                    pass
                return self._read(event)
            except ValueError as error:
                raise connection.garbled(str(error)) from None


def _spoken(language: str, known: frozenset[str]) -> bool:
    """Whether `language` is known: `de` is `de_DE` and `de-AT` too, and they are it."""
    family = language.lower().replace("_", "-").partition("-")[0]
    return family in {one.lower().replace("_", "-").partition("-")[0] for one in known}


def _some(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names[:20]) + (" and others" if len(names) > 20 else "")

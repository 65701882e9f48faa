"""From settings to a recogniser and a voice, and to whatever has to be kept running for them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Protocol

from hullo.speech.engine_settings import ESPEAK, Kind, host_options, kind_of
from hullo.speech.events import HostEvent
from hullo.speech.hosting.on_demand import OnDemand
from hullo.speech.hosting.supervisor import EngineChoice, HostSupervisor, Patience
from hullo.speech.ports import Aligner, Recogniser, Voice
from hullo.speech.servers.aligner import AlignerClient, VoiceLanguage
from hullo.speech.servers.capabilities import recogniser_capabilities, voice_capabilities
from hullo.speech.servers.client import RecogniserClient, VoiceClient
from hullo.speech.servers.openai import OpenAiRecogniser, OpenAiServer, OpenAiVoice
from hullo.speech.servers.remote import RemoteServer, Wanted
from hullo.speech.settings import SpeechSettings

_ALIGNER_SECONDS = 10.0


class Watched(Protocol):
    """A host of ours, or a server that we keep an eye on."""

    async def run(self) -> None:
        """Look after it until cancelled."""

    async def started(self) -> None:
        """Return once it is there; raises `SpeechError` when it can't be used."""


async def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Backend:
    """Where one role's requests go: `watched` must run, and `close` be awaited at the end."""

    watched: list[Watched] = field(default_factory=list)
    close: Callable[[], Awaitable[None]] = _nothing


def recogniser_backend(
    settings: SpeechSettings, on_event: Callable[[HostEvent], None], patience: Patience | None
) -> tuple[Recogniser | None, Backend]:
    """The recogniser of `settings`, if there is to be one."""
    if settings.recogniser is None:
        return None, Backend()
    options, timeout = settings.recogniser_options(), settings.recogniser_timeout
    kind = kind_of(settings.recogniser)
    if kind is Kind.OPENAI:
        server = OpenAiServer(settings.recogniser, key=options.pop("key", None), timeout=timeout)
        return OpenAiRecogniser(server, **options), Backend(close=server.close)
    language, model = settings.language, None
    watched: HostSupervisor | RemoteServer
    if kind is Kind.HOST:
        choice = EngineChoice(settings.recogniser, host_options(options), job_seconds=timeout, nice=settings.nice)
        watched = HostSupervisor("recogniser", choice, on_event, patience)
    else:
        model = settings.model
        wanted = Wanted(language=language, model=model)
        watched = RemoteServer("recogniser", settings.recogniser, recogniser_capabilities, wanted, on_event, patience)
    client = RecogniserClient(watched, timeout=timeout, language=language, model=model, hot_words=settings.hot_words)
    return client, Backend([watched])


def voice_backend(
    settings: SpeechSettings, on_event: Callable[[HostEvent], None], patience: Patience | None
) -> tuple[Voice | None, Backend]:
    """The voice of `settings`, if there is to be one."""
    if settings.voice is None:
        return None, Backend()
    options, timeout = settings.voice_options(), settings.voice_timeout
    kind = kind_of(settings.voice)
    if kind is Kind.OPENAI:
        server = OpenAiServer(settings.voice, key=options.pop("key", None), timeout=timeout)
        return OpenAiVoice(server, **options), Backend(close=server.close)
    if kind is Kind.HOST:
        choice = EngineChoice(settings.voice, host_options(options), job_seconds=timeout, nice=settings.nice)
        host = HostSupervisor("voice", choice, on_event, patience)
        return VoiceClient(host, timeout=timeout), Backend([host])
    wanted = Wanted(voice=settings.voice_name, speaker=settings.speaker)
    remote = RemoteServer("voice", settings.voice, voice_capabilities, wanted, on_event, patience)
    client = VoiceClient(remote, timeout=timeout, voice=settings.voice_name, speaker=settings.speaker)
    return client, Backend([remote])


def aligner_backend(
    settings: SpeechSettings, voice: Voice | None, patience: Patience | None
) -> tuple[Aligner | None, Backend]:
    """What finds the words of a voice that may not tell them, unless that is switched off or eSpeak NG is missing."""
    needed = settings.align_words and voice is not None and settings.voice != ESPEAK
    if not needed or find_spec("espeakng_loader") is None:
        return None, Backend()
    # In a host like the engines: eSpeak NG is global to its process, and comparing sounds takes a core for 10 ms.
    # Its failures cost no call anything, so they are for the log only.
    choice = EngineChoice(ESPEAK, job_seconds=_ALIGNER_SECONDS, nice=settings.nice)
    host = OnDemand(HostSupervisor("aligner", choice, lambda _: None, patience))
    asked = voice if isinstance(voice, VoiceClient) else None
    language = VoiceLanguage(asked, settings.voice_name, settings.language)
    return AlignerClient(host, language, timeout=_ALIGNER_SECONDS), Backend([host])

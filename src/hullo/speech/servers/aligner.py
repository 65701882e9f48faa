"""The client of our own host that finds words in sound."""

from collections.abc import Awaitable, Callable, Sequence

from wyoming.event import Event

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.ports import WordTiming
from hullo.speech.servers.client import Endpoint, VoiceClient, connected
from hullo.speech.servers.sound_decoder import words_of

_ELSE = "en"


class VoiceLanguage:
    """The language that `voice` speaks with the voice called `name`: the only one that its server tells of, or
    `configured`, or English. `voice` is None for a server that can't be asked."""

    def __init__(self, voice: VoiceClient | None, name: str | None, configured: str | None) -> None:
        self._voice = voice
        self._name = name
        self._configured = configured
        self._known: str | None = None

    async def __call__(self) -> str:
        """The language, asked for once. Raises `SpeechError` while nobody answers."""
        if self._known is None:
            told = await self._told(self._voice) if self._voice is not None else frozenset()
            families = {language.lower().replace("_", "-").partition("-")[0] for language in told}
            self._known = min(told) if len(families) == 1 else self._configured or _ELSE
        return self._known

    async def _told(self, voice: VoiceClient) -> frozenset[str]:
        able = await voice.capabilities()
        return able.voice_languages.get(self._name, frozenset()) if self._name is not None else able.languages


class AlignRequest:
    """An `align` event: the beginning of the sound of `text` at 48 kHz, or all of it when it is `complete`."""

    def __init__(self, text: str, language: str, sound: Pcm, *, complete: bool) -> None:
        self._data = {"text": text, "language": language, "complete": complete, "rate": SAMPLE_RATE}
        self._sound = sound

    def event(self) -> Event:
        """As it is sent."""
        return Event("align", self._data, self._sound.astype("<i2", copy=False).tobytes())


class AlignerClient:
    """An `Aligner`: the host at `endpoint`, one connection a sentence.

    `language` tells the one of the voice, once that is known; `timeout` is the longest wait, seconds.
    """

    def __init__(self, endpoint: Endpoint, language: Callable[[], Awaitable[str]], *, timeout: float) -> None:
        self._endpoint = endpoint
        self._language = language
        self._timeout = timeout

    async def align(self, text: str, sound: Pcm, *, complete: bool) -> Sequence[WordTiming]:
        """See `Aligner.align`."""
        request = AlignRequest(text, await self._language(), sound, complete=complete)
        async with connected(self._endpoint) as connection:
            await connection.write(request, within=self._timeout)
            while (event := await connection.read(self._timeout)).type != "aligned":
                pass
            try:
                return words_of(event)
            except ValueError as error:
                raise connection.garbled(str(error)) from error

"""How a process hears and speaks."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hullo.speech.endpointing.choice import ADAPTIVE, WORDS, strategy
from hullo.speech.endpointing.strategy import Endpointing
from hullo.speech.engine_settings import ESPEAK, POCKETSPHINX, Kind, check_engine, kind_of
from hullo.speech.engines.registry import Role
from hullo.speech.errors import SpeechError
from hullo.speech.hosting.priority import LEAST, MOST
from hullo.speech.interruption.decision import InterruptionSettings
from hullo.speech.interruption.words import floor_words
from hullo.speech.listening.segmenter import SegmenterSettings


@dataclass(frozen=True, kw_only=True)
class SpeechSettings:
    """Raises `SpeechError` for a setting that cannot be, or that the engine chosen would ignore."""

    recogniser: str | None = POCKETSPHINX
    """`pocketsphinx` (offline, US English), `faster-whisper`, another package's engine (an entry point of
    `hullo.recognisers`), the URI of a Wyoming server (`tcp://host:port`, `unix:///path`), that of an OpenAI-compatible
    one (`https://host/v1`), or None to hear nothing."""
    model: str | None = None
    """Model of faster-whisper, by name or path (None: `base`), or of a server (None: its own choice)."""
    language: str | None = None
    """Language that is spoken, such as `de`; None is the recogniser's own, or whatever it finds."""
    prompt: str | None = None
    """Text that might have come before, in the spelling to expect; for faster-whisper and OpenAI-compatible servers."""
    hot_words: tuple[str, ...] = ()
    """Names and words to expect."""
    recogniser_api_key: str | None = field(default=None, repr=False)
    """For an OpenAI-compatible recogniser."""
    voice: str | None = ESPEAK
    """`espeak` (offline), `piper`, another package's engine (an entry point of `hullo.voices`), the URI of a server as
    for `recogniser`, or None to say nothing."""
    voice_name: str | None = None
    """A voice of that engine: for piper also the path of an `.onnx` file (None: `en_US-lessac-medium`); None is
    otherwise the server's own choice, or `en-us+f2`, the eSpeak voice that people and pocketsphinx understand best."""
    voice_model: str | None = None
    """Model of an OpenAI-compatible voice; None is `tts-1`."""
    voice_api_key: str | None = field(default=None, repr=False)
    """For an OpenAI-compatible voice."""
    speaker: str | None = None
    """One of the speakers of a voice that has several."""
    speed: float | None = None
    """eSpeak: words per minute, 80 to 450, None is 160. Others: 0.25 to 4 times the normal speed."""
    pitch: int | None = None
    """eSpeak's pitch, 0 to 99; None is 40."""
    endpointing: str = ADAPTIVE
    """What tells that the peer has finished: `adaptive` (the person's own pauses and melody), `words` (these and what
    was said, by `language`), `fixed`, or the name of an installed entry point of the group `hullo.endpointing`."""
    end_pause: float | None = None
    """Seconds of silence that end a turn with `fixed` endpointing; None is 0.7."""
    speculative: bool | None = None
    """Whether recognition begins in each pause of 0.2 s, in case the turn ends with it, and is dropped if it does not:
    answers come sooner, for some more requests. None: yes, but not for `https://` recognisers, where each may cost."""
    live_words: bool = False
    """Whether partial results come while the peer speaks, not only in pauses, where the recogniser can. Most hear all
    of the turn anew for each of them, so with a slow one the answers come later."""
    noise_suppression: bool = False
    """Whether noise is taken out of what the peer says before anything listens to it; needs the extra `devices`."""
    max_segment: float = 30.0
    """Longest stretch that is recognised at once, seconds: longer speech is cut at its best pause, its words joined."""
    align_words: bool = True
    """Whether the times of words are found by comparison with eSpeak NG where the voice does not tell them, in a host
    that is started for the first such sentence."""
    filler: tuple[str, ...] = ()
    """Said in turn, one each time, when nobody has asked for an answer `filler_after` seconds after the peer spoke."""
    filler_after: float = 2.0
    """Seconds of silence of whoever answers."""
    phrase_folder: Path | None = None
    """Where phrases that were prepared are kept for the next time; None keeps them in memory only."""
    interruption: InterruptionSettings = InterruptionSettings()  # noqa: RUF009  # frozen
    """Whether and when the peer interrupts by speaking."""
    recogniser_timeout: float = 60.0
    """Longest wait for the recogniser, seconds; segments of all calls queue up in front of it."""
    voice_timeout: float = 10.0
    """Longest wait for the next sound of the voice, seconds."""
    nice: int = 5
    """How far our engines give way to the calls when both want the same core: 0 (not at all) to 19."""

    def __post_init__(self) -> None:
        self._check("recogniser", self.recogniser, self.recogniser_options())
        self._check("voice", self.voice, self.voice_options())
        if self.endpointing == WORDS and self.recogniser is not None and not self.recognises_pauses:
            raise SpeechError(
                "endpointing 'words' needs the words of each pause: set speculative = true, which makes a request of it"
            )
        if not LEAST <= self.nice <= MOST:
            raise SpeechError(f"nice is {LEAST} to {MOST}, not {self.nice}")
        if not all(text.strip() for text in self.filler):
            raise SpeechError("a filler is something to say, not an empty text")
        if self.filler_after <= 0:
            raise SpeechError("filler_after is more than 0 seconds")
        if self.recogniser_timeout <= 0 or self.voice_timeout <= 0:
            raise SpeechError("recogniser_timeout and voice_timeout are more than 0 seconds")
        try:
            self.segmenter()
            self.strategy()
        except ValueError as error:
            raise SpeechError(str(error)) from None

    @property
    def recognises_pauses(self) -> bool:
        """Whether recognition begins in each pause."""
        if self.speculative is not None or self.recogniser is None:
            return bool(self.speculative)
        return kind_of(self.recogniser) is not Kind.OPENAI

    def only_voice(self) -> "SpeechSettings":
        """The same without a recogniser."""
        return replace(
            self, recogniser=None, model=None, language=None, prompt=None, hot_words=(), recogniser_api_key=None
        )

    def segmenter(self) -> SegmenterSettings:
        """The part that cuts speech into segments."""
        return SegmenterSettings(max_segment=self.max_segment)

    def strategy(self) -> Endpointing:
        """A new strategy for the turns of one call."""
        return strategy(self.endpointing, self.end_pause, self.language)

    def interruptions(self) -> InterruptionSettings:
        """How calls are interrupted, with the words of the language that is spoken."""
        if self.interruption.words is not None:
            return self.interruption
        return replace(self.interruption, words=floor_words(self.language))

    def recogniser_options(self) -> dict[str, Any]:
        """What is set for the recogniser, by the names that engines use."""
        return _set(
            model=self.model,
            language=self.language,
            prompt=self.prompt,
            hot_words=self.hot_words or None,
            key=self.recogniser_api_key,
        )

    def voice_options(self) -> dict[str, Any]:
        """What is set for the voice, by the names that engines use."""
        return _set(
            voice=self.voice_name,
            model=self.voice_model,
            speaker=self.speaker,
            speed=self.speed,
            pitch=self.pitch,
            key=self.voice_api_key,
        )

    @staticmethod
    def _check(role: Role, engine: str | None, options: dict[str, Any]) -> None:
        if engine is not None:
            check_engine(role, engine, options)
        elif options:
            raise SpeechError(f"There is no {role} that could use {' and '.join(sorted(options))}: leave that out")


def _set(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}

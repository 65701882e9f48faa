"""How a process hears and speaks."""

from dataclasses import dataclass

from hullo.speech.endpointing.choice import ADAPTIVE, strategy
from hullo.speech.endpointing.strategy import Endpointing
from hullo.speech.errors import SpeechError
from hullo.speech.segmenter import SegmenterSettings
from hullo.speech.wire import check_uri

POCKETSPHINX = "pocketsphinx"
ESPEAK = "espeak"


@dataclass(frozen=True, kw_only=True)
class SpeechSettings:
    """Raises `SpeechError` for a setting that cannot be, or that the engine chosen would ignore."""

    recogniser: str | None = POCKETSPHINX
    """`pocketsphinx` (offline, US English), the URI of a Wyoming server (`tcp://host:port`, `unix:///path`), or
    None to hear nothing."""
    language: str | None = None
    """Language to ask a Wyoming server for, such as `de`; None leaves it to the server."""
    voice: str | None = ESPEAK
    """`espeak` (offline), the URI of a Wyoming server, or None to say nothing."""
    voice_name: str | None = None
    """A voice of the engine; None is the server's own choice, or `en-us+f2`, the eSpeak voice that people and
    pocketsphinx understand best."""
    speed: int | None = None
    """eSpeak's words per minute, 80 to 450; None is 160."""
    pitch: int | None = None
    """eSpeak's pitch, 0 to 99; None is 40."""
    endpointing: str = ADAPTIVE
    """What tells that the peer has finished: `adaptive` (the person's own pauses and melody), `words` (these and what
    was said, for English), `fixed`, or the name of an installed entry point of the group `hullo.endpointing`."""
    end_pause: float | None = None
    """Seconds of silence that end a turn with `fixed` endpointing; None is 0.7."""
    max_segment: float = 30.0
    """Longest stretch that is recognised at once, seconds: longer speech is cut at its best pause, its words joined."""
    recogniser_timeout: float = 60.0
    """Longest wait for the recogniser, seconds; segments of all calls queue up in front of it."""
    voice_timeout: float = 10.0
    """Longest wait for the next sound of the voice, seconds."""

    def __post_init__(self) -> None:
        self._check_engines()
        if self.speed is not None and not 80 <= self.speed <= 450:
            raise SpeechError(f"speed is 80 to 450 words per minute, not {self.speed}")
        if self.pitch is not None and not 0 <= self.pitch <= 99:
            raise SpeechError(f"pitch is 0 to 99, not {self.pitch}")
        if self.recogniser_timeout <= 0 or self.voice_timeout <= 0:
            raise SpeechError("recogniser_timeout and voice_timeout are more than 0 seconds")
        try:
            self.segmenter()
            self.strategy()
        except ValueError as error:
            raise SpeechError(str(error)) from None

    def segmenter(self) -> SegmenterSettings:
        """The part that cuts speech into segments."""
        return SegmenterSettings(max_segment=self.max_segment)

    def strategy(self) -> Endpointing:
        """A new strategy for the turns of one call."""
        return strategy(self.endpointing, self.end_pause)

    def host_options(self) -> list[str]:
        """The part that eSpeak's host is started with."""
        named = {"--voice": self.voice_name, "--speed": self.speed, "--pitch": self.pitch}
        return [f"{name}={value}" for name, value in named.items() if value is not None]

    def _check_engines(self) -> None:
        if self.recogniser not in (None, POCKETSPHINX):
            _check_engine("recogniser", POCKETSPHINX, self.recogniser)
        elif self.language not in (None, "en", "en-us"):
            raise SpeechError(f"pocketsphinx hears US English, not '{self.language}': set recogniser to another server")
        if self.voice not in (None, ESPEAK):
            _check_engine("voice", ESPEAK, self.voice)
            if self.speed is not None or self.pitch is not None:
                raise SpeechError(f"speed and pitch are eSpeak's; set them at the server {self.voice} instead")


def _check_engine(name: str, own: str, given: str) -> None:
    if "://" not in given:
        raise SpeechError(f"{name} is '{own}' or the URI of a Wyoming server, not '{given}'")
    check_uri(given)

"""What a Wyoming server says that it can do, in its answer to `describe`."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from wyoming.event import Event
from wyoming.info import AsrProgram, Info, TtsProgram

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""What the wyoming package raises for an `info` that is not as it should be."""

Program: TypeAlias = AsrProgram | TtsProgram


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """One side of a server: its program, what it can be asked for, and whether it streams.

    `languages`, `models` (of a recogniser), `speakers` and `voice_languages` by voice (of a voice) are empty when the
    server names none; `streams` is whether partial results come, or whether text may be sent while it is still written.
    """

    program: str
    version: str | None
    models: tuple[str, ...] = ()
    languages: frozenset[str] = frozenset()
    speakers: dict[str, tuple[str, ...]]
    voice_languages: dict[str, frozenset[str]] = field(default_factory=dict)
    streams: bool = False


def recogniser_capabilities(event: Event) -> Capabilities:
    """What the server of this `info` can recognise. Raises `ValueError` when it is no recogniser."""
    program = _first(_info(event).asr, "no recogniser")
    return Capabilities(
        program=program.name,
        version=program.version,
        models=tuple(model.name for model in program.models),
        languages=frozenset(language for model in program.models for language in model.languages),
        speakers={},
        streams=program.supports_transcript_streaming,
    )


def voice_capabilities(event: Event) -> Capabilities:
    """What the server of this `info` can say. Raises `ValueError` when it is no voice."""
    program = _first(_info(event).tts, "no voice")
    return Capabilities(
        program=program.name,
        version=program.version,
        languages=frozenset(language for voice in program.voices for language in voice.languages),
        speakers={voice.name: tuple(one.name for one in voice.speakers or ()) for voice in program.voices},
        voice_languages={voice.name: frozenset(voice.languages) for voice in program.voices},
        streams=program.supports_synthesize_streaming,
    )


def _info(event: Event) -> Info:
    try:
        return Info.from_event(event)
    except _MALFORMED as error:
        raise ValueError(f"an info that makes no sense ({error!r})"[:200]) from None


def _first(programs: list[Any], nothing: str) -> Any:
    installed = [program for program in programs if program.installed]
    if not installed:
        raise ValueError(f"{nothing} in its info")
    return installed[0]

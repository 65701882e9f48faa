"""What may be said to which engine or server: a setting that it would ignore is an error."""

from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from hullo.speech.engines.registry import Role, engine_options, refusal
from hullo.speech.errors import SpeechError
from hullo.speech.servers.wire import check_uri

POCKETSPHINX = "pocketsphinx"
FASTER_WHISPER = "faster-whisper"
ESPEAK = "espeak"
PIPER = "piper"

_TAKEN = {
    ("recogniser", "wyoming"): frozenset({"model", "hot_words", "language"}),
    ("recogniser", "openai"): frozenset({"model", "prompt", "hot_words", "language", "key"}),
    ("voice", "wyoming"): frozenset({"voice", "speaker"}),
    ("voice", "openai"): frozenset({"voice", "model", "speed", "key"}),
}
_ASKED_FOR = {"language", "hot_words"}
"""What goes with each request instead of into the making of an engine."""
_HEAR_NO_HOT_WORDS = {POCKETSPHINX}
_SETTINGS = {
    ("recogniser", "key"): "recogniser_api_key",
    ("voice", "key"): "voice_api_key",
    ("voice", "voice"): "voice_name",
    ("voice", "model"): "voice_model",
}
"""How a setting is called where an engine's option has another name."""


class Kind(Enum):
    """Where recognisers and voices are."""

    HOST = "host"
    WYOMING = "wyoming"
    OPENAI = "openai"


def kind_of(engine: str) -> Kind:
    """An engine in a host of ours, or the server that a URI names. Raises `SpeechError` for a URI that is neither."""
    if "://" not in engine:
        return Kind.HOST
    if not engine.startswith(("http://", "https://")):
        check_uri(engine)
        return Kind.WYOMING
    if not _is_base(engine):
        raise SpeechError(
            f"'{_without_secrets(engine)}' is not the address of an OpenAI-compatible server: use https://host/v1 "
            "and the api key settings"
        )
    return Kind.OPENAI


def _is_base(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        reachable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that can't be
        return False
    return reachable and not parts.query and not parts.fragment and parts.username is None


def check_engine(role: Role, engine: str, options: Mapping[str, Any]) -> None:
    """Raise `SpeechError` for an engine that is not there, or for the first of `options` that it does not take."""
    kind = kind_of(engine)
    taken = engine_options(role, engine) if kind is Kind.HOST else _TAKEN[role, kind.value]
    if taken is None:  # an entry point; its host looks
        return
    if kind is Kind.HOST:
        taken |= {"language"} if role == "recogniser" else set()
        taken |= {"hot_words"} if role == "recogniser" and engine not in _HEAR_NO_HOT_WORDS else set()
    if unknown := sorted(_SETTINGS.get((role, name), name) for name in set(options) - taken):
        known = frozenset(_SETTINGS.get((role, name), name) for name in taken)
        raise SpeechError(refusal(role, engine, unknown, known))
    _check_values(engine, kind, options)


def host_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the options with which an engine is made."""
    return {name: value for name, value in options.items() if name not in _ASKED_FOR}


def _check_values(engine: str, kind: Kind, options: Mapping[str, Any]) -> None:
    language = options.get("language")
    if engine == POCKETSPHINX and language not in (None, "en", "en-us"):
        raise SpeechError(
            f"pocketsphinx hears US English, not '{language}': set recogniser to faster-whisper or a server"
        )
    if "speaker" in options and "voice" not in options and kind is Kind.WYOMING:
        raise SpeechError("speaker is one of a voice of the server: set voice_name too")
    speed, pitch = options.get("speed"), options.get("pitch")
    if speed is not None:
        lowest, highest, unit = (80, 450, "words per minute") if engine == ESPEAK else (0.25, 4.0, "times the normal")
        if not lowest <= speed <= highest:
            raise SpeechError(f"speed is {lowest:g} to {highest:g} {unit} for {engine}, not {speed:g}")
    if pitch is not None and engine == ESPEAK and not 0 <= pitch <= 99:
        raise SpeechError(f"pitch is 0 to 99, not {pitch}")


def _without_secrets(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"

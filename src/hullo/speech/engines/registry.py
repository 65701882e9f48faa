"""Which engines there are, which options each takes, and making one inside its host process."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeAlias

from hullo.speech.engines.download import Report
from hullo.speech.errors import SpeechError

Role: TypeAlias = Literal["recogniser", "voice"]

_BUILT_IN = {
    "recogniser": {
        "pocketsphinx": "hullo.speech.engines.pocketsphinx:PocketSphinxRecogniser",
        "faster-whisper": "hullo.speech.engines.faster_whisper:FasterWhisperRecogniser",
    },
    "voice": {
        "espeak": "hullo.speech.engines.espeak:EspeakVoice",
        "piper": "hullo.speech.engines.piper:PiperEngine",
    },
}
GROUPS: dict[Role, str] = {"recogniser": "hullo.recognisers", "voice": "hullo.voices"}
"""Entry points of other packages; each is a callable that makes the engine from keyword arguments, its options."""


def engine_names(role: Role) -> list[str]:
    """All engines that are installed or built in."""
    return [*_BUILT_IN[role], *sorted(one.name for one in entry_points(group=GROUPS[role]))]


def engine_options(role: Role, name: str) -> frozenset[str] | None:
    """What the engine can be told; None when only its host process may look. Raises `SpeechError` for an unknown one.

    A package of somebody else is not imported here: it belongs into the host process.
    """
    if name in _BUILT_IN[role]:
        return frozenset(_parameters(_built_in(role, name))) - {"report"}
    _entry_point(role, name)
    return None


def make_engine(role: Role, name: str, options: Mapping[str, Any], report: Report) -> Any:
    """The engine. `report` hears of a download. Raises `SpeechError` when it can't be made, also for a wrong option."""
    if name in _BUILT_IN[role]:
        return _call(role, name, _built_in(role, name), options, report)
    entry_point = _entry_point(role, name)
    try:
        return _call(role, name, entry_point.load(), options, report)
    except SpeechError:
        raise
    except Exception as error:  # the edge to foreign code: whatever it raises is why there is no engine
        raise SpeechError(f"The {role} '{name}' can't be made: {error!r}") from error


def _call(role: Role, name: str, make: Callable[..., Any], options: Mapping[str, Any], report: Report) -> Any:
    known = _parameters(make)
    if unknown := sorted(set(options) - known):
        raise SpeechError(refusal(role, name, unknown, known))
    return make(**options, **({"report": report} if "report" in known else {}))


def refusal(role: Role, name: str, unknown: list[str], known: frozenset[str]) -> str:
    """What to tell somebody who set options that the engine doesn't take."""
    takes = ", ".join(sorted(known - {"report"})) or "no options"
    return f"The {role} '{name}' takes no {' and no '.join(unknown)} (it takes {takes}): leave that out"


def _parameters(make: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(make).parameters)


def _built_in(role: Role, name: str) -> Callable[..., Any]:
    module, _, attribute = _BUILT_IN[role][name].partition(":")
    made: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return made


def _entry_point(role: Role, name: str) -> EntryPoint:
    found = list(entry_points(group=GROUPS[role], name=name))
    if not found:
        names = ", ".join(f"'{one}'" for one in engine_names(role))
        raise SpeechError(
            f"There is no {role} '{name}': use {names}, the URI of a Wyoming server (tcp://host:port, unix:///path) "
            "or of an OpenAI-compatible one (https://host/v1)"
        )
    return found[0]

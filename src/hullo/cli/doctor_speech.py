"""The part of `hullo doctor` about hearing and speaking: engines, models, and the servers of the configuration."""

import asyncio
from collections.abc import Iterator
from importlib import metadata
from importlib.metadata import entry_points
from pathlib import Path

from hullo.cli.finding import Finding, Verdict
from hullo.service.config import load_config
from hullo.service.config_errors import ConfigError
from hullo.service.secret_file import SecretError, read_key
from hullo.speech.engine_settings import Kind, kind_of
from hullo.speech.engines.download import models_directory
from hullo.speech.engines.registry import GROUPS, Role
from hullo.speech.errors import SpeechError
from hullo.speech.servers.capabilities import Capabilities, recogniser_capabilities, voice_capabilities
from hullo.speech.servers.client import FixedEndpoint, describe
from hullo.speech.servers.openai import OpenAiServer
from hullo.speech.settings import SpeechSettings

_PACKAGES: list[tuple[Role, str, str, str]] = [
    ("recogniser", "pocketsphinx", "pocketsphinx", "speech"),
    ("recogniser", "faster-whisper", "faster-whisper", "whisper"),
    ("voice", "espeak", "espeakng-loader", "speech"),
    ("voice", "piper", "piper-tts", "piper"),
]
"""Role, engine, the package that it needs, and the extra that brings it."""
_PATIENCE = 3.0


def examine_speech() -> Iterator[Finding]:
    """Every finding, one after the other."""
    for role, engine, package, extra in _PACKAGES:
        yield _engine(role, engine, package, extra)
    for role, group in GROUPS.items():
        for one in entry_points(group=group):
            package = f"{one.dist.name} {one.dist.version}" if one.dist is not None else one.module
            yield Finding(role, Verdict.OK, f"{one.name} of {package}")
    yield from _models()
    yield from _configured()


def _engine(role: Role, engine: str, package: str, extra: str) -> Finding:
    try:
        return Finding(role, Verdict.OK, f"{engine} ({package} {metadata.version(package)})")
    except metadata.PackageNotFoundError:
        return Finding(role, Verdict.OPTIONAL, f"{engine} is not installed", f'pip install "hullo[{extra}]"')


def _models() -> Iterator[Finding]:
    for path in sorted([*models_directory().rglob("model.bin"), *models_directory().rglob("*.onnx")]):
        name = path.parent.name if path.name == "model.bin" else path.stem
        yield Finding("model", Verdict.OK, f"{name}, {path.stat().st_size / 1e6:.0f} MB in {_short(path.parent)}")


def _short(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _configured() -> Iterator[Finding]:
    """What the configuration asks for; its servers are asked whether they are there."""
    try:
        config = load_config().speech
        settings = config.settings(read_key) if config.enabled else SpeechSettings(recogniser=None, voice=None)
    except (ConfigError, SecretError, SpeechError) as error:
        yield Finding("configuration", Verdict.BROKEN, str(error), "hullo config schema describes the file")
        return
    for role, engine in (("recogniser", settings.recogniser), ("voice", settings.voice)):
        if engine is None:
            yield Finding(f"configured {role}", Verdict.OPTIONAL, "none", "set one under [speech]")
        elif kind_of(engine) is Kind.HOST:
            yield Finding(f"configured {role}", Verdict.OK, engine)
        else:
            yield _server(role, engine, settings)


def _server(role: str, uri: str, settings: SpeechSettings) -> Finding:
    try:
        said = asyncio.run(_ask(role, uri, settings))
    except SpeechError as error:
        return Finding(f"configured {role}", Verdict.BROKEN, str(error), "start it, or set another under [speech]")
    return Finding(f"configured {role}", Verdict.OK, f"{uri}: {said}")


async def _ask(role: str, uri: str, settings: SpeechSettings) -> str:
    if kind_of(uri) is Kind.OPENAI:
        key = settings.recogniser_api_key if role == "recogniser" else settings.voice_api_key
        server = OpenAiServer(uri, key=key, timeout=_PATIENCE)
        try:
            return await server.probe()
        finally:
            await server.close()
    read = recogniser_capabilities if role == "recogniser" else voice_capabilities
    return _in_words(await describe(FixedEndpoint(uri), read, _PATIENCE))


def _in_words(able: Capabilities) -> str:
    parts = [f"{able.program} {able.version or ''}".strip()]
    parts += [f"models {', '.join(able.models[:5])}"] if able.models else []
    parts += [f"{len(able.speakers)} voices"] if able.speakers else []
    parts += [f"{len(able.languages)} languages"] if able.languages else []
    parts += ["streams" if able.streams else "does not stream"]
    return "; ".join(parts)

"""The part of `hullo doctor` about answers without a gateway."""

import asyncio
import shutil
from collections.abc import Iterator

import aiohttp

from hullo.brain.brain import BrainError
from hullo.brain.chat import ChatBrain, ChatSettings
from hullo.brain.settings import BrainConfig
from hullo.cli.finding import Finding, Verdict
from hullo.service.config import load_config
from hullo.service.config_errors import ConfigError
from hullo.service.secret_file import SecretError, read_key

_PATIENCE = 3.0


def examine_brain() -> Iterator[Finding]:
    """What `[brain]` asks for, if it asks for something, and whether that is there."""
    try:
        config = load_config().brain
        if config.kind == "command":
            yield _command(config)
        elif config.kind == "openai":
            yield asyncio.run(_chat(config.chat(read_key)))
        elif config.kind is not None:
            yield Finding("configured brain", Verdict.OK, config.kind)
    except (ConfigError, SecretError) as error:
        yield Finding("configured brain", Verdict.BROKEN, str(error), "hullo config schema describes the file")


def _command(config: BrainConfig) -> Finding:
    program = config.command[0]
    if shutil.which(program) is None:
        return Finding("configured brain", Verdict.BROKEN, f"there is no program {program}", "check [brain] command")
    return Finding("configured brain", Verdict.OK, f"the command {program}")


async def _chat(settings: ChatSettings) -> Finding:
    async with aiohttp.ClientSession() as session:
        try:
            async with asyncio.timeout(_PATIENCE):
                await ChatBrain(settings, session).warm()
        except (BrainError, TimeoutError) as error:
            said = str(error) or f"{settings.url} does not answer within {_PATIENCE:g} s"
            return Finding("configured brain", Verdict.BROKEN, said, "start the server, or set another [brain] url")
    return Finding("configured brain", Verdict.OK, f"{settings.url} answers")

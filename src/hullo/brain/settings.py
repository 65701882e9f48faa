"""The section `[brain]` of the configuration."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from hullo.brain.attendant_settings import AttendantSettings
from hullo.brain.brain import BrainMaker
from hullo.brain.command import AnswerEnds, CommandSettings, command_brain
from hullo.brain.echo import echo_brain
from hullo.section import SECTION, HomePath

if TYPE_CHECKING:
    from hullo.brain.chat import ChatSettings

_COMMAND = ("command", "answer_ends")
_SILENCE = ("silence", "silence_times", "goodbye")
_CHAT = ("url", "model", "api_key", "api_key_file", "prompt", "options")


class BrainConfig(BaseModel):
    """Answers without a gateway. Gateways may be connected beside it, and hear everything."""

    model_config = ConfigDict(**SECTION, protected_namespaces=())

    kind: Literal["echo", "command", "openai"] | None = None
    """`echo` says what it hears; `command` asks a program of yours, a line in, lines out; `openai` asks a chat endpoint
    that speaks OpenAI's protocol, such as llama.cpp, Ollama or vLLM on this machine. Left out: gateways answer."""
    accept: bool = True
    """Whether incoming calls are answered at once; else `[calls] answer` and the gateways decide."""
    greeting: Annotated[str, Field(max_length=1000)] = "Hello. What can I do for you?"
    """Said when a call connects, and made ready while it rings. Empty: the peer speaks first."""
    fallback: Annotated[str, Field(max_length=1000)] = "Sorry, I can't answer right now. Please try again in a moment."
    """Said when there is no answer to be had. Empty: nothing; `call.error` tells gateways in any case."""
    unclear: Annotated[str, Field(max_length=1000)] = "Sorry, I did not understand that."
    """Said when the peer spoke and no words were understood. Empty: nothing."""
    silence_seconds: Annotated[float, Field(ge=0, le=3600)] = 20.0
    """A peer that says nothing for so long is asked `silence`. 0: never, and a call is not ended for it."""
    silence: Annotated[str, Field(max_length=1000)] = "Are you still there?"
    """Said when neither side has said anything for `silence_seconds`. Empty: nothing."""
    silence_times: Annotated[int, Field(ge=0, le=1000)] = 2
    """How often in a row the peer is asked; after one more silence it hears `goodbye` and the call is ended."""
    goodbye: Annotated[str, Field(max_length=1000)] = "Goodbye."
    """Said before a call is ended for silence. Empty: nothing."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    """Longest silence of the program or the endpoint while it answers."""
    command: list[str] = []
    """For `command`: the program and its arguments; no shell is in between."""
    answer_ends: AnswerEnds = "line"
    """For `command`: an answer is one `line`, or all lines up to a `blank` one, each spoken as it comes."""
    url: str | None = None
    """For `openai`: the base of the endpoint, such as `http://127.0.0.1:8080/v1`."""
    model: str | None = None
    """For `openai`: the name of the model."""
    api_key: SecretStr | None = None
    """For `openai`: the key, best as HULLO__BRAIN__API_KEY. Whoever may read this file knows it then: chmod 600 it."""
    api_key_file: HomePath | None = None
    """For `openai`: a file, readable by its owner only, that holds the key."""
    prompt: str = (
        "You are on the telephone. Answer in one to three short spoken sentences, without lists, headings or emoji."
    )
    """For `openai`: the system prompt."""
    options: dict[str, Any] = {}
    """For `openai`: further members of each request, such as `temperature` or `max_tokens`."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        given = self.model_fields_set - {"kind"}
        if self.kind is None and given:
            raise ValueError(f"{', '.join(sorted(given))} would be ignored: set kind, or remove the section")
        if self.kind == "echo" and "timeout_seconds" in given:
            raise ValueError("timeout_seconds would be ignored: an echo does not take long; remove it")
        if 0 < self.silence_seconds < 1:
            raise ValueError("silence_seconds is 1 or more, or 0 for never")
        if self.silence_seconds == 0 and (useless := sorted(given.intersection(_SILENCE))):
            raise ValueError(f"{', '.join(useless)} would be ignored: silence_seconds is 0")
        for kind, names in (("command", _COMMAND), ("openai", _CHAT)):
            if self.kind != kind and (useless := sorted(given.intersection(names))):
                raise ValueError(f'{", ".join(useless)} would be ignored: set kind = "{kind}" or remove it')
        if self.kind == "command" and not (self.command and self.command[0]):
            raise ValueError('kind "command" needs command: the program and its arguments as a list')
        if self.kind == "openai":
            self._check_chat()
        return self

    def _check_chat(self) -> None:
        from hullo.brain.chat import ChatSettings  # and its HTTP client: only for those who have one

        if self.url is None or self.model is None:
            raise ValueError('kind "openai" needs url and model')
        if self.api_key is not None and self.api_key_file is not None:
            raise ValueError("api_key and api_key_file are both set: keep one of them")
        if taken := {"model", "messages", "stream"}.intersection(self.options):
            raise ValueError(f"options must not hold {', '.join(sorted(taken))}: hullo sets that itself")
        try:
            json.dumps(self.options, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"options go out as JSON, which can't hold all of them: {error}") from None
        ChatSettings(url=self.url, model=self.model)

    def attendant(self) -> AttendantSettings:
        """What is said without thinking, and whether calls are answered."""
        return AttendantSettings(
            greeting=self.greeting,
            fallback=self.fallback,
            unclear=self.unclear,
            silence_seconds=self.silence_seconds,
            silence=self.silence,
            silence_times=self.silence_times,
            goodbye=self.goodbye,
            prompt=self.prompt if self.kind == "openai" else "",
            accept=self.accept,
        )

    def maker(self, read_key: Callable[[Path], str]) -> BrainMaker | None:
        """The brain that the section asks for; None without.

        Raises `BrainError` for a program that is not there, and what `read_key` does for a file of a key.
        """
        match self.kind:
            case "echo":
                return echo_brain
            case "command":
                settings = CommandSettings(
                    command=self.command, answer_ends=self.answer_ends, timeout=self.timeout_seconds
                )
                settings.check()
                return command_brain(settings)
            case "openai":
                from hullo.brain.chat import chat_brain

                return chat_brain(self.chat(read_key))
            case None:
                return None

    def chat(self, read_key: Callable[[Path], str]) -> "ChatSettings":
        """The endpoint of kind `openai`. Raises what `read_key` does."""
        from hullo.brain.chat import ChatSettings

        assert self.url is not None
        assert self.model is not None
        key = self.api_key.get_secret_value() if self.api_key is not None else None
        return ChatSettings(
            url=self.url,
            model=self.model,
            api_key=read_key(self.api_key_file) if self.api_key_file is not None else key,
            timeout=self.timeout_seconds,
            options=self.options,
        )

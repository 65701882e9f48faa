"""A chat endpoint as a brain: OpenAI's `POST /chat/completions`, which llama.cpp, Ollama, vLLM and others serve too."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from hullo.brain.brain import Brain, BrainError, Message
from hullo.brain.plain_speech import PlainSpeech
from hullo.brain.sse import EventStreamParser

if TYPE_CHECKING:
    from hullo.call.call import Call

_DONE = "[DONE]"
_MOST_LETTERS = 20_000
"""Of one answer: a quarter of an hour of speech."""


@dataclass(frozen=True, kw_only=True)
class ChatSettings:
    """`url` is the base, such as `http://127.0.0.1:8080/v1`; `timeout` the longest silence of the server, seconds.

    `options` go into each request as they are (`temperature`, `max_tokens`). Raises `ValueError` for a bad `url`.
    """

    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 20.0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _is_address(self.url):
            raise ValueError(f"url is the base of a chat endpoint such as http://127.0.0.1:8080/v1, not {self.url!r}")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that can't be
        return False


class ChatBrain:
    """A `Brain`. Nothing is kept between answers but the connection."""

    def __init__(self, settings: ChatSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def warm(self) -> None:
        """Connect, and let the server wake up. Raises `BrainError` when there is none."""
        async with self._asking("GET", "/models"):
            pass  # some have no such page: it is the connection that counts

    async def answer(self, conversation: Sequence[Message]) -> AsyncGenerator[str, None]:
        """See `Brain.answer`; tokens as the server streams them, or the whole from one that does not."""
        body = {
            **self._settings.options,
            "model": self._settings.model,
            "messages": msgspec.to_builtins(list(conversation)),
            "stream": True,
        }
        words = False
        async with self._asking("POST", "/chat/completions", json=body) as response:
            if response.status != 200:
                raise BrainError(f"{self._name} refused: {await _refusal(response)}")
            async for piece in self._plain(response):
                words = words or not piece.isspace()
                yield piece
        if not words:
            raise BrainError(
                f"{self._name} answered with no words at all: check that it serves the model {self._settings.model!r} "
                "for chats, and that max_tokens leaves it room"
            )

    @property
    def _name(self) -> str:
        return f"the chat endpoint at {self._settings.url}"

    @asynccontextmanager
    async def _asking(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        seconds = self._settings.timeout
        key = self._settings.api_key
        try:
            async with self._session.request(
                method,
                self._settings.url.rstrip("/") + path,
                headers={"Authorization": f"Bearer {key}"} if key else {},
                timeout=aiohttp.ClientTimeout(sock_connect=min(seconds, 5.0), sock_read=seconds),
                allow_redirects=False,
                **options,
            ) as response:
                yield response
        except TimeoutError:
            raise BrainError(f"{self._name} was silent for {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise BrainError(f"{self._name} can't be reached or broke off ({error}): is it running?") from None

    async def _plain(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        plain, letters = PlainSpeech(), 0
        async for piece in self._pieces(response):
            letters += len(piece)  # thoughts too: the peer waits for their end
            if speech := plain.feed(piece):
                yield speech
            if letters > _MOST_LETTERS:
                raise BrainError(f"{self._name} does not stop: cut after {_MOST_LETTERS} letters; set max_tokens")
        if speech := plain.finish():
            yield speech

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        if response.content_type == "application/json":
            yield self._content(await response.text("utf-8", "replace"), "message")
            return
        parser = EventStreamParser()
        async for received in response.content.iter_any():
            try:
                events = parser.feed(received)
            except ValueError as error:
                raise BrainError(f"{self._name} sent {error}") from None
            for event in events:
                if event.strip() == _DONE:
                    return
                if piece := self._content(event, "delta"):
                    yield piece

    def _content(self, data: str, kind: str) -> str:
        """The text of a completion or of a chunk of one."""
        try:
            parsed = json.loads(data)
            if "error" in parsed:
                raise BrainError(f"{self._name} failed: {_message(parsed)}")
            choices = parsed["choices"]
            return str(choices[0].get(kind, {}).get("content") or "") if choices else ""
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise BrainError(f"{self._name} sent {len(data)} letters that are no chat completion") from None


async def _refusal(response: aiohttp.ClientResponse) -> str:
    text = await response.text("utf-8", "replace")
    try:
        return f"{response.status} {_message(json.loads(text))}"
    except (ValueError, AttributeError, RecursionError):
        return f"{response.status} {response.reason}"


def _message(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    return str(error.get("message") if isinstance(error, dict) else error)[:200]


def chat_brain(settings: ChatSettings) -> Callable[["Call"], AbstractAsyncContextManager[Brain]]:
    """A `BrainMaker`: the connection is made while the call rings."""

    @asynccontextmanager
    async def make(call: "Call") -> AsyncIterator[Brain]:
        async with aiohttp.ClientSession() as session:
            brain = ChatBrain(settings, session)
            warming = asyncio.create_task(_warmed(brain, call), name=f"warming the brain of call {call.call_id}")
            try:
                yield brain
            finally:
                warming.cancel()
                await asyncio.wait([warming])

    return make


async def _warmed(brain: ChatBrain, call: "Call") -> None:
    try:
        await brain.warm()
    except BrainError as error:
        call.note_error("brain", str(error), retryable=True)

"""Recognisers and voices behind the HTTP interface that OpenAI defined and many servers offer.

`POST {base}/audio/transcriptions` takes a file and answers JSON with `text`; `POST {base}/audio/speech` takes JSON and
answers sound. WAV is asked for: it says its own sample rate.
"""

import io
import json
import time
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import numpy as np

from hullo.media.pcm import Pcm
from hullo.speech.errors import SpeechError
from hullo.speech.listening.vad import VAD_RATE
from hullo.speech.ports import OnPartial, OnWords, Recognised, unheard
from hullo.speech.servers.wav_stream import WavStream
from hullo.speech.speaking.sentences import SentenceCutter

_CONNECT_SECONDS = 5.0
_MAX_ANSWER = 1 << 20
_MAX_SOUND_SECONDS = 60
_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504}
_BLOCK = 1 << 13


class OpenAiServer:
    """The server at `base` (`https://host/v1`), asked with `key` if there is one. Used as `async with`.

    `timeout` is its longest silence, seconds. The key goes to this server only: redirections are not followed.
    """

    def __init__(self, base: str, *, key: str | None, timeout: float) -> None:
        self.base = base.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._session is not None:
            await self._session.close()

    async def probe(self) -> str:
        """What the server says of itself when its list of models is asked for, which costs nothing.

        Raises `SpeechError` when it is not there or refuses the key.
        """
        async with self._request("GET", "/models", good=(200, 404, 405)) as response:
            answer = _parsed(await _whole(response))
        models = answer.get("data") if isinstance(answer, dict) else None
        return f"answers, {len(models)} models" if isinstance(models, list) and models else "answers"

    @asynccontextmanager
    async def post(self, path: str, **body: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a request, when it is a good one. Raises `SpeechError`, also while it is read."""
        async with self._request("POST", path, **body) as response:
            yield response

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, *, good: tuple[int, ...] = (200,), **body: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS, sock_read=self._timeout)
            self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers)
        try:
            async with self._session.request(method, self.base + path, allow_redirects=False, **body) as response:
                if response.status not in good:
                    raise await self._refusal(response)
                yield response
        except TimeoutError:
            raise SpeechError(f"The server at {self.base} was silent for {self._timeout:g} s", transient=True) from None
        except aiohttp.ClientPayloadError:
            raise SpeechError(
                f"The server at {self.base} broke off in the middle of its answer", transient=True
            ) from None
        except aiohttp.ClientError as error:
            raise SpeechError(
                f"No answer from {self.base} ({str(error) or type(error).__name__}): check that it runs", transient=True
            ) from None

    async def _refusal(self, response: aiohttp.ClientResponse) -> SpeechError:
        said = (await _whole(response)).decode("utf-8", "replace")
        if response.status in (401, 403):
            return SpeechError(f"{self.base} does not accept the api key: check recogniser_api_key or voice_api_key")
        return SpeechError(
            f"{self.base} refused with status {response.status}: {_message(said)}", transient=response.status in _AGAIN
        )


class OpenAiRecogniser:
    """A `Recogniser`: hears when all is said, because the interface takes only whole files, so no partial results."""

    def __init__(
        self,
        server: OpenAiServer,
        *,
        model: str = "whisper-1",
        language: str | None = None,
        prompt: str | None = None,
        hot_words: Sequence[str] = (),
    ) -> None:
        self._server = server
        # The interface knows no hot words but says that a prompt may spell them out.
        prompts = [one for one in (prompt, ", ".join(hot_words)) if one]
        fields = {"model": model, "language": language, "prompt": " ".join(prompts) or None, "response_format": "json"}
        self._fields = {name: value for name, value in fields.items() if value is not None}

    @asynccontextmanager
    async def session(self, on_partial: OnPartial = unheard) -> AsyncIterator["OpenAiSession"]:
        """See `Recogniser.session`."""
        yield OpenAiSession(self)

    async def transcribe(self, samples: Pcm) -> Recognised:
        """See `Recogniser.transcribe`."""
        asked_at = time.monotonic()
        form = aiohttp.FormData(self._fields)
        form.add_field("file", _wav(samples), filename="speech.wav", content_type="audio/wav")
        async with self._server.post("/audio/transcriptions", data=form) as response:
            answer = _parsed(await _whole(response))
        text = answer.get("text") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise SpeechError(f"{self._server.base} does not answer like OpenAI's: a transcription without text")
        language = answer.get("language")
        return Recognised(
            text=text.strip(),
            confidence=None,
            seconds=time.monotonic() - asked_at,
            language=language if isinstance(language, str) else None,
        )


class OpenAiSession:
    """A `RecognitionSession` that keeps the sound until the end. At most 60 s."""

    def __init__(self, recogniser: OpenAiRecogniser) -> None:
        self._recogniser = recogniser
        self._pieces: list[Pcm] = []
        self._samples = 0

    async def feed(self, samples: Pcm) -> None:
        """See `RecognitionSession.feed`."""
        self._samples += len(samples)
        if self._samples > _MAX_SOUND_SECONDS * VAD_RATE:
            raise SpeechError(f"sound to recognise is at most {_MAX_SOUND_SECONDS} s long: send shorter segments")
        self._pieces.append(samples)

    async def finish(self) -> Recognised:
        """See `RecognitionSession.finish`."""
        sound = np.concatenate(self._pieces) if self._pieces else np.zeros(0, dtype=np.int16)
        return await self._recogniser.transcribe(sound)


class OpenAiVoice:
    """A `Voice`: whole texts to sound that comes as it is made; a text in pieces is said sentence by sentence."""

    def __init__(
        self, server: OpenAiServer, *, voice: str = "alloy", model: str = "tts-1", speed: float | None = None
    ) -> None:
        self._server = server
        self._request: dict[str, Any] = {"model": model, "voice": voice, "response_format": "wav"}
        if speed is not None:
            self._request["speed"] = speed

    async def synthesise(self, text: str, on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """See `Voice.synthesise`; when which word is said is not told."""
        async with self._server.post("/audio/speech", json=self._request | {"input": text}) as response:
            sound = WavStream()
            try:
                async for block in response.content.iter_chunked(_BLOCK):
                    if len(piece := sound.feed(block)):
                        yield piece
                if len(rest := sound.finish()):
                    yield rest
            except ValueError as error:
                raise SpeechError(f"{self._server.base} does not answer like OpenAI's: {error}") from None

    async def stream(self, pieces: AsyncIterator[str], on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """See `Voice.stream`."""
        async for sentence in SentenceCutter.cut(pieces):
            async with aclosing(self.synthesise(sentence)) as sound:
                async for piece in sound:
                    yield piece


def _wav(samples: Pcm) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, VAD_RATE, len(samples), "NONE", ""))
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The body of an answer that is no sound; no more than 1 MiB of it."""
    body = bytearray()
    async for block in response.content.iter_any():
        body += block
        if len(body) >= _MAX_ANSWER:
            break
    return bytes(body)


def _parsed(answer: bytes) -> Any:
    """The JSON of an answer; None for what is none."""
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None


def _message(said: str) -> str:
    """What an error answer says, without what is around it."""
    answer = _parsed(said.encode())
    if not isinstance(answer, dict):
        return said.strip()[:300] or "no reason given"
    error = answer.get("error", answer.get("detail", said))
    text = error.get("message", said) if isinstance(error, dict) else error
    return str(text).strip()[:300] or "no reason given"

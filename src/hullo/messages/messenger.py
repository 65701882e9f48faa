"""Everything about the voice messages of one user: made, sent, received, transcribed, kept."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hullo.messages.courier import Courier, MakeCourier, TellEvent
from hullo.messages.errors import MessageError
from hullo.messages.events import Came, MessageEvent, Received
from hullo.messages.making import message_of_file, message_of_sound
from hullo.messages.metadata import Delivery, Direction
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.store import MessageStore, StoredMessage
from hullo.messages.transcript import transcribe
from hullo.speech.errors import SpeechError
from hullo.speech.service import SpeechService

logger = logging.getLogger(__name__)

TRANSCRIPT_SECONDS: Final = 120.0
"""How long a transcript may take; a message is told without it then."""
MAX_UNTOLD: Final = 100
"""Messages that wait for their transcripts; more are told without."""


class Messenger:
    """Holds the couriers of all lines that carry messages.

    `tell` is told of every event, in the event loop; a message that came is told when its transcript is there. With
    `speech` texts can be sent, and what is received is transcribed unless `transcripts` is off.
    """

    def __init__(
        self,
        store: MessageStore,
        tell: TellEvent,
        *,
        speech: SpeechService | None = None,
        transcripts: bool = True,
        options: RecorderOptions = RecorderOptions(),  # noqa: B008  # frozen
    ) -> None:
        self.store = store
        self.options = options
        self._tell_others = tell
        self._speech = speech
        self._transcripts = transcripts
        self._couriers: list[Courier] = []
        self._untold: asyncio.Queue[StoredMessage] = asyncio.Queue(MAX_UNTOLD)

    def add(self, make: MakeCourier) -> None:
        """One more line that carries messages; before `run`."""
        self._couriers.append(make(self.store, self.tell))

    async def run(self) -> None:
        """Send and receive until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for courier in self._couriers:
                tasks.create_task(courier.run(), name=f"messages on {courier.line}")
            tasks.create_task(self._tell_received(), name="transcripts of messages")

    def tell(self, event: MessageEvent) -> None:
        """Something has become of a message, on whichever line."""
        if not isinstance(event, Received) or self._recogniser is None or self._untold.full():
            self._tell_others(event)
        else:
            self._untold.put_nowait(event.message)

    # Out

    async def send_file(self, to: str, path: Path, line: str | None = None) -> StoredMessage:
        """Send a sound file, whatever its format. Raises `MessageError`."""
        return await self._send(
            to, line, lambda **known: message_of_file(self.store, path, _now(), self.options, **known)
        )

    async def send_text(self, to: str, text: str, line: str | None = None) -> StoredMessage:
        """Have a text spoken, and send that. Raises `MessageError`, `SpeechError`."""
        courier = self._courier(to, line)
        if self._speech is None or self._speech.voice is None:
            raise SpeechError("there is no voice to speak the message")
        sound = await self._speech.synthesise(text)
        return await self._send(
            to,
            courier.line,
            lambda **known: message_of_sound(
                self.store, [sound], _now(), self.options, "the text", transcript=text, **known
            ),
        )

    async def send_message(self, to: str, message: StoredMessage, line: str | None = None) -> StoredMessage:
        """Send a message that was recorded, or pass on one that was received. Raises `MessageError`."""
        return await self._send(to, line, lambda **known: self.store.copy(message, _now(), **known))

    async def _send(self, to: str, line: str | None, make: Callable[..., StoredMessage]) -> StoredMessage:
        courier = self._courier(to, line)
        known = {
            "direction": Direction.SENT,
            "line": courier.line,
            "peer": courier.address(to),
            "peer_message_id": None,
            "call_id": None,
            "delivery": Delivery.SENDING,
        }
        message = await asyncio.to_thread(lambda: make(**known))
        try:
            await courier.send(message)
        except MessageError as error:
            with contextlib.suppress(MessageError):
                message = self.store.update(message.path, delivery=Delivery.FAILED, problem=str(error))
                self.tell(Came(message, Delivery.FAILED))
            raise
        return message

    def _courier(self, to: str, line: str | None) -> Courier:
        for courier in self._couriers:
            if courier.line == line or (line is None and courier.claims(to)):
                return courier
        lines = ", ".join(courier.line for courier in self._couriers) or "none"
        raise MessageError(f"no line carries messages to {to!r}: is it a contact? Those that carry any: {lines}")

    # In

    def heard(self, message: StoredMessage) -> StoredMessage:
        """Somebody here has heard a message: it is not new any more, and its sender is told. Raises `MessageError`."""
        known = message.metadata
        if known is None or known.heard:
            return message
        changed = self.store.update(message.path, heard=True)
        for courier in self._couriers:
            if courier.line == known.line:
                courier.heard(changed)
        return changed

    @property
    def _recogniser(self) -> Any:
        return self._speech.recogniser if self._speech is not None and self._transcripts else None

    async def _tell_received(self) -> None:
        while True:
            message = await self._untold.get()
            self._tell_others(Received(await self._transcribed(message)))

    async def _transcribed(self, message: StoredMessage) -> StoredMessage:
        try:
            async with asyncio.timeout(TRANSCRIPT_SECONDS):
                words = await self._words(message.path)
            return self.store.update(message.path, transcript=words)
        except (MessageError, SpeechError, TimeoutError) as error:
            logger.warning("a message has no transcript: %s", error)
            return message

    async def _words(self, path: Path) -> str:
        """Asked for once more where the recogniser has failed, most likely of one that was started again."""
        try:
            return await transcribe(path, self._recogniser)
        except SpeechError as error:
            if not error.transient:
                raise
            return await transcribe(path, self._recogniser)


def _now() -> datetime:
    return datetime.now(UTC)

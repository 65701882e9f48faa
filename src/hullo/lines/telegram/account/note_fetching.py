"""The sound of voice notes that came: fetched part by part from the data centre where it lies.

core.telegram.org/api/files and /api/file_reference.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol

from hullo.lines.telegram.account.errors import Migrate
from hullo.lines.telegram.account.voice_note import LARGEST, PART, Invoke, ReceivedNote, note_update
from hullo.lines.telegram.port import TelegramError

RENEWALS: Final = 2
"""How often a file reference that has expired is asked for anew, for one note."""
_MOVES: Final = 3


class InvokeAt(Protocol):
    """Calls a TL method by name in a data centre; 0 is the account's own."""

    def __call__(self, dc: int, name: str, **fields: Any) -> Awaitable[Any]: ...


class NoteFetcher:
    """Fetches notes for one account."""

    def __init__(self, invoke: Invoke, invoke_at: InvokeAt, make: Callable[..., Any]) -> None:
        self._invoke = invoke
        self._invoke_at = invoke_at
        self._make = make

    async def fetch(self, note: ReceivedNote, start: int = 0) -> AsyncIterator[bytes]:
        """The parts of a note from byte `start` on, a multiple of `PART`.

        Raises `TelegramError`, and `ValueError` for a note that is too long, or not there any more.
        """
        if not 0 < note.size <= LARGEST:
            raise ValueError(f"a voice note of {note.size} bytes: 1 to {LARGEST} are fetched")
        renewals, moves, dc = RENEWALS, _MOVES, note.dc
        offset = start
        while offset < note.size:
            try:
                part = await self._part(dc, note, offset)
            except Migrate as move:
                if not moves:
                    raise
                moves, dc = moves - 1, move.dc
            except TelegramError as error:
                if not (renewals and error.name.startswith("FILE_REFERENCE_")):
                    raise
                renewals, note = renewals - 1, await self._renewed(note)
            else:
                yield part
                offset += PART

    async def _part(self, dc: int, note: ReceivedNote, offset: int) -> bytes:
        location = self._make(
            "inputDocumentFileLocation",
            id=note.document_id,
            access_hash=note.access_hash,
            file_reference=note.file_reference,
            thumb_size="",
        )
        answer = await self._invoke_at(dc, "upload.getFile", location=location, offset=offset, limit=PART)
        data = bytes(getattr(answer, "bytes", b""))
        if len(data) != min(PART, note.size - offset):
            raise TelegramError("FILE_PART_MISSING", 0)
        return data

    async def _renewed(self, note: ReceivedNote) -> ReceivedNote:
        """The same note with a file reference that is good now."""
        which = self._make("inputMessageID", id=note.message_id)
        answer = await self._invoke("messages.getMessages", id=[which])
        for message in getattr(answer, "messages", ()):
            found = note_update(message)
            if isinstance(found, ReceivedNote) and (found.message_id, found.document_id, found.size) == (
                note.message_id,
                note.document_id,
                note.size,
            ):
                return found
        raise ValueError("the note is not there any more: its sender has deleted it")

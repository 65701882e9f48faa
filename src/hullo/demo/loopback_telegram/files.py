"""Files that members upload, and the documents that they send to others and fetch."""

import hashlib
from dataclasses import dataclass
from typing import Any

from hullo.demo.loopback_telegram.crypto import RandomBytes
from hullo.demo.loopback_telegram.directory import Member
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import types

_LARGEST_PART = 512 * 1024
_ALIGNED = 4096
_CHUNK = 1 << 20


@dataclass
class SentDocument:
    """What messages.sendMedia sent: the file, and what was said of it."""

    id: int
    access_hash: int
    date: int

    sender: int
    recipient: int
    name: str
    mime_type: str
    attributes: list[Any]
    data: bytes
    dc: int
    """The data centre in which it lies; Telegram moves files at times."""


@dataclass
class _Reference:
    document: int
    parts_left: int | None


class FileStore:
    """Parts of files as they come (upload.saveFilePart), and the documents made of them."""

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self._random_ids: set[tuple[int, int]] = set()
        self.sent: list[SentDocument] = []
        self.deleted: set[int] = set()
        """Ids of messages that their senders took back."""
        self.parts_for_a_reference: int | None = None
        """After so many parts a file reference handed out from now on has expired; None keeps it good."""
        self.fetched: list[tuple[int, int]] = []
        """Document and offset of every part that was handed out."""
        self._parts: dict[tuple[int, int], dict[int, bytes]] = {}
        self._references: dict[bytes, _Reference] = {}

    def expire_references(self) -> None:
        """Every file reference that was handed out is good no more (core.telegram.org/api/file_reference)."""
        for reference in self._references.values():
            reference.parts_left = 0

    def save(self, owner: Member, request: Any) -> None:
        """Keep a part. Raises `RpcFailure`."""
        if not request.bytes:
            raise RpcFailure(400, "FILE_PART_EMPTY")
        if len(request.bytes) > _LARGEST_PART:
            raise RpcFailure(400, "FILE_PART_TOO_BIG")
        self._parts.setdefault((owner.id, request.file_id), {})[request.file_part] = bytes(request.bytes)

    def send(self, sender: Member, recipient: Member, media: Any, random_id: int, now: int) -> SentDocument:
        """Make a document of uploaded parts; its number among those sent is the id of its message.

        Raises `RpcFailure`.
        """
        if (sender.id, random_id) in self._random_ids:
            raise RpcFailure(400, "RANDOM_ID_DUPLICATE")
        if not isinstance(media, types.InputMediaUploadedDocument):
            raise RpcFailure(400, "MEDIA_INVALID")
        parts = self._parts.pop((sender.id, media.file.id), {})
        if media.file.parts < 1 or sorted(parts) != list(range(media.file.parts)):
            raise RpcFailure(400, "FILE_PARTS_INVALID")
        if any(len(parts[number]) != len(parts[0]) for number in range(media.file.parts - 1)) or (
            media.file.parts > 1 and len(parts[0]) % 1024
        ):
            raise RpcFailure(400, "FILE_PART_SIZE_INVALID")
        data = b"".join(parts[number] for number in range(media.file.parts))
        if media.file.md5_checksum and media.file.md5_checksum != hashlib.md5(data).hexdigest():
            raise RpcFailure(400, "MD5_CHECKSUM_INVALID")
        self._random_ids.add((sender.id, random_id))
        document = SentDocument(
            len(self.sent) + 1,
            int.from_bytes(self._random(8), "little", signed=True),
            now,
            sender.id,
            recipient.id,
            media.file.name,
            media.mime_type,
            list(media.attributes),
            data,
            sender.dc,
        )
        self.sent.append(document)
        return document

    def part(self, reader: Member, dc: int, request: Any) -> bytes:
        """Part of a document, for somebody who sent or got it, in that data centre (upload.getFile).

        Raises `RpcFailure`.
        """
        if request.limit % _ALIGNED or request.limit <= 0 or _CHUNK % request.limit:
            raise RpcFailure(400, "LIMIT_INVALID")
        if request.offset % _ALIGNED or request.offset // _CHUNK != (request.offset + request.limit - 1) // _CHUNK:
            raise RpcFailure(400, "OFFSET_INVALID")
        document = next((one for one in self.sent if one.id == request.location.id), None)
        if document is None or document.access_hash != request.location.access_hash:
            raise RpcFailure(400, "LOCATION_INVALID")
        if reader.id not in (document.sender, document.recipient):
            raise RpcFailure(400, "LOCATION_INVALID")
        if document.dc != dc:
            raise RpcFailure(303, f"FILE_MIGRATE_{document.dc}")
        self._use(bytes(request.location.file_reference), document)
        self.fetched.append((document.id, request.offset))
        return document.data[request.offset : request.offset + request.limit]

    def message(self, message_id: int, viewer: int, media_unread: bool = True) -> Any:
        """The `message` with a document, as its recipient or its sender sees it, with a new file reference."""
        document = next((one for one in self.sent if one.id == message_id), None)
        if document is None or message_id in self.deleted or viewer not in (document.sender, document.recipient):
            return types.MessageEmpty(id=message_id)
        mine = document.sender == viewer
        return types.Message(
            id=document.id,
            peer_id=types.PeerUser(user_id=document.recipient if mine else document.sender),
            from_id=types.PeerUser(user_id=document.sender),
            date=document.date,
            message="",
            out=mine or None,
            media_unread=media_unread or None,
            media=types.MessageMediaDocument(voice=True, document=self._document(document)),
        )

    def _document(self, document: SentDocument) -> Any:
        reference = self._random(16)
        self._references[reference] = _Reference(document.id, self.parts_for_a_reference)
        return types.Document(
            id=document.id,
            access_hash=document.access_hash,
            file_reference=reference,
            date=document.date,
            mime_type=document.mime_type,
            size=len(document.data),
            dc_id=document.dc,
            attributes=document.attributes,
        )

    def _use(self, reference: bytes, document: SentDocument) -> None:
        known = self._references.get(reference)
        if not reference:
            raise RpcFailure(400, "FILE_REFERENCE_EMPTY")
        if known is None or known.document != document.id:
            raise RpcFailure(400, "FILE_REFERENCE_INVALID")
        if known.parts_left == 0:
            raise RpcFailure(400, "FILE_REFERENCE_EXPIRED")
        if known.parts_left is not None:
            known.parts_left -= 1

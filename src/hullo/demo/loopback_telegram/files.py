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


@dataclass(frozen=True)
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


class FileStore:
    """Parts of files as they come (upload.saveFilePart), and the documents made of them."""

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self._random_ids: set[tuple[int, int]] = set()
        self.sent: list[SentDocument] = []
        self._parts: dict[tuple[int, int], dict[int, bytes]] = {}

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
        )
        self.sent.append(document)
        return document

    def part(self, reader: Member, request: Any) -> bytes:
        """Part of a document, for somebody who sent or got it (upload.getFile). Raises `RpcFailure`."""
        if request.offset % _ALIGNED or request.limit % _ALIGNED or not 0 < request.limit <= 1 << 20:
            raise RpcFailure(400, "LIMIT_INVALID")
        document = next((one for one in self.sent if one.id == request.location.id), None)
        if document is None or document.access_hash != request.location.access_hash:
            raise RpcFailure(400, "LOCATION_INVALID")
        if reader.id not in (document.sender, document.recipient):
            raise RpcFailure(400, "LOCATION_INVALID")
        return document.data[request.offset : request.offset + request.limit]


def message_of(document: SentDocument, viewer: int, media_unread: bool = True) -> Any:
    """The `message` with a document, as its recipient or its sender sees it."""
    mine = document.sender == viewer
    return types.Message(
        id=document.id,
        peer_id=types.PeerUser(user_id=document.recipient if mine else document.sender),
        from_id=types.PeerUser(user_id=document.sender),
        date=document.date,
        message="",
        out=mine or None,
        media_unread=media_unread or None,
        media=types.MessageMediaDocument(
            voice=True,
            document=types.Document(
                id=document.id,
                access_hash=document.access_hash,
                file_reference=b"reference",
                date=document.date,
                mime_type=document.mime_type,
                size=len(document.data),
                dc_id=2,
                attributes=document.attributes,
            ),
        ),
    )

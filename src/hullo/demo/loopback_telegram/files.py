"""Files that members upload, and the documents that they send to others."""

import hashlib
from dataclasses import dataclass
from typing import Any

from hullo.demo.loopback_telegram.directory import Member
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import types

_LARGEST_PART = 512 * 1024


@dataclass(frozen=True)
class SentDocument:
    """What messages.sendMedia sent: the file, and what was said of it."""

    sender: int
    recipient: int
    name: str
    mime_type: str
    attributes: list[Any]
    data: bytes


class FileStore:
    """Parts of files as they come (upload.saveFilePart), and the documents made of them."""

    def __init__(self) -> None:
        self.sent: list[SentDocument] = []
        self._parts: dict[tuple[int, int], dict[int, bytes]] = {}

    def save(self, owner: Member, request: Any) -> None:
        """Keep a part. Raises `RpcFailure`."""
        if not request.bytes:
            raise RpcFailure(400, "FILE_PART_EMPTY")
        if len(request.bytes) > _LARGEST_PART:
            raise RpcFailure(400, "FILE_PART_TOO_BIG")
        self._parts.setdefault((owner.id, request.file_id), {})[request.file_part] = bytes(request.bytes)

    def send(self, sender: Member, recipient: Member, media: Any) -> int:
        """Make a document of uploaded parts, and return the id of the message. Raises `RpcFailure`."""
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
        self.sent.append(
            SentDocument(sender.id, recipient.id, media.file.name, media.mime_type, list(media.attributes), data)
        )
        return len(self.sent)

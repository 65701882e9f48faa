"""Voice messages as sealed files: sealed to be sent, fetched chunk by chunk, and opened."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Final

from hullo.messages.envelope import CHUNK_BYTES, MAX_SIZE, VoiceMessageEnvelope, chunk_digest
from hullo.messages.errors import MessageError, SealBroken
from hullo.messages.metadata import VoiceMessageMetadata
from hullo.messages.sealing import Opener, Sealer, new_key
from hullo.messages.transfer import IncomingTransfer

_BLOCK: Final = 1 << 16


def seal(message: Path, described: VoiceMessageMetadata, target: Path) -> VoiceMessageEnvelope:
    """Write the sealed form of a message; what it returns is the key to it. Raises `MessageError`."""
    key = new_key()
    sealer = Sealer(key)
    try:
        with message.open("rb") as source, _private(target) as file:
            while block := source.read(_BLOCK):
                file.write(sealer.feed(block))
            file.write(sealer.finish())
        size = target.stat().st_size
        if size > MAX_SIZE:
            target.unlink()
            raise MessageError(f"{message} is too long to be sent: {size} bytes, at most {MAX_SIZE} are possible")
        digest, chunks = _digests(target)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise MessageError(f"{message} can't be sealed: {(error.strerror or str(error)).lower()}") from None
    return VoiceMessageEnvelope(
        id=described.id,
        key=key,
        size=size,
        digest=digest,
        chunk_digests=chunks,
        duration=described.duration,
        waveform=described.waveform,
        codec=described.codec,
    )


def read_chunk(sealed: Path, index: int) -> bytes:
    """A chunk to be sent, empty if there is no such chunk. Raises `OSError`."""
    with sealed.open("rb") as file:
        file.seek(index * CHUNK_BYTES)
        return file.read(CHUNK_BYTES)


def open_sealed(sealed: Path, envelope: VoiceMessageEnvelope, target: Path) -> None:
    """Write the message that is sealed in a file: all of it, or nothing.

    Raises `SealBroken` if it is not what the envelope promises, `MessageError` if the disk refuses it.
    """
    draft = target.with_name(f"{target.name}.{os.getpid()}.new")
    opener = Opener(envelope.key)
    digest = hashlib.sha256()
    try:
        with sealed.open("rb") as source, _private(draft) as file:
            while block := source.read(_BLOCK):
                digest.update(block)
                file.write(opener.feed(block))
            file.write(opener.finish())
            if digest.digest() != envelope.digest:
                raise SealBroken(f"{sealed} is not the file that was sent")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        raise MessageError(f"{target} can't be written: {(error.strerror or str(error)).lower()}") from None
    finally:
        draft.unlink(missing_ok=True)


class IncomingFile:
    """A sealed message on its way to us: what came is on the disk, and a new start goes on from there."""

    def __init__(self, path: Path, envelope: VoiceMessageEnvelope, *, window: int = 8, patience: float = 10.0) -> None:
        """Begin, or go on with what is there of it, as `IncomingTransfer` says.

        Raises `MessageError` if the disk refuses it.
        """
        self.path = path
        self.envelope = envelope
        self.transfer: Final = IncomingTransfer(envelope, window=window, patience=patience)
        try:
            self._file = _private(path, keep=True)
            os.ftruncate(self._file.fileno(), envelope.size)
            self._look()
        except OSError as error:
            raise MessageError(f"{path} can't be written: {(error.strerror or str(error)).lower()}") from None

    def put(self, index: int, data: bytes) -> bool:
        """Keep a chunk that came; False if it is not wanted. Raises `TransferFailed`, `MessageError`."""
        wanted = self.transfer.accept(index, data)
        if wanted:
            try:
                os.pwrite(self._file.fileno(), data, index * CHUNK_BYTES)
            except OSError as error:
                raise MessageError(f"{self.path} can't be written: {(error.strerror or str(error)).lower()}") from None
        return wanted

    def close(self) -> None:
        """Let go of the file; it stays."""
        self._file.close()

    def _look(self) -> None:
        """Which chunks are there already; each is checked, so nothing else need be remembered."""
        for index in range(self.envelope.chunks):
            if self.envelope.is_chunk(index, self._file.read(CHUNK_BYTES)):
                self.transfer.have(index)


def _digests(sealed: Path) -> tuple[bytes, bytes]:
    digest = hashlib.sha256()
    chunks = []
    with sealed.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            chunks.append(chunk_digest(chunk))
    return digest.digest(), b"".join(chunks)


def _private(path: Path, *, keep: bool = False) -> BinaryIO:
    """A file that only we can read."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if keep else os.O_TRUNC)
    return os.fdopen(os.open(path, flags, 0o600), "r+b")

"""The key of a storage folder: it makes tickets for uploads, and names for owners that say nothing by themselves."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

_NAME = "key"
_BYTES = 32


class StorageKey:
    """Made once for a folder, and the same for every node that shares it. Raises `OSError` if it can't be kept."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = _kept(folder / _NAME)

    def derive(self, purpose: str, *parts: str) -> bytes:
        """32 bytes that nobody else can tell, the same for the same words (HMAC-SHA-256, RFC 2104)."""
        encoded = [part.encode() for part in (purpose, *parts)]
        joined = b"".join(len(part).to_bytes(2, "big") + part for part in encoded)
        return hmac.digest(self._key, joined, hashlib.sha256)


def _kept(path: Path) -> bytes:
    """The key in that file, which is made if there is none; two nodes that start at once get the same."""
    if not path.exists():
        draft = path.with_name(f"{_NAME}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # the other node was first
        finally:
            draft.unlink()
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise OSError(f"{path} is damaged: restore it, or remove the folder")
    return key

"""A directory of encrypted files, for its owner's eyes only, used by one process at a time."""

import fcntl
import hashlib
import os
import secrets
import stat
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_NONCE = 12
_KEY = "key"
_SALT = "salt"
_STATE = "state"


class _State(msgspec.Struct, frozen=True):
    """Always there, so that it shows the wrong passphrase."""

    epoch: bytes
    in_use: bool


class VaultError(Exception):
    """The vault can't be used; the message says what to do, never what is in it."""


class VaultInUse(VaultError):
    """Another process has it."""


class Vault:
    """Files in `directory`, each whole or not at all, encrypted by ChaCha20-Poly1305 under its own name.

    The key comes from the passphrase (scrypt), or else from a file beside them, which protects a copy of the others
    only. Use it as a context manager. Entering raises `VaultError` when it is in use, not ours, or the passphrase is
    wrong. Nobody can change or swap files unseen, but somebody who can write to the directory can put old ones back.
    """

    def __init__(self, directory: Path, passphrase: str | None = None) -> None:
        self.epoch = b""
        """Another one than the last time if the vault was not left properly then: what was written may be lost."""
        self._directory = directory
        self._passphrase = passphrase
        self._cipher: ChaCha20Poly1305 | None = None
        self._lock = -1

    def __enter__(self) -> "Vault":
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise VaultInUse(f"{self._directory} is in use by another process: stop that one first") from None
            self._cipher = ChaCha20Poly1305(self._key())
            last = self._state()
            self.epoch = secrets.token_bytes(16) if last is None or last.in_use else last.epoch
            self._note(in_use=True)
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """Everything is on the disk, and the next one may go on where this one ended."""
        try:
            for path in self._directory.iterdir():
                self._sync(path)
            self._note(in_use=False)
        finally:
            os.close(self._lock)

    def read(self, name: str) -> bytes | None:
        """A file's content; None if there is none. Raises `VaultError`."""
        sealed = self._read(name)
        if sealed is None:
            return None
        assert self._cipher is not None
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except (InvalidTag, ValueError):
            raise VaultError(
                f"{self._directory / name} can't be decrypted: the passphrase is wrong, or it was changed"
            ) from None

    def write(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """Replace a file. A crash of this process loses nothing.

        One of the machine may bring back what was there before, or damage the file, unless this write is `durable`,
        which waits for the disk. See `epoch`. Raises `OSError`.
        """
        assert self._cipher is not None
        nonce = secrets.token_bytes(_NONCE)
        self._write(name, nonce + self._cipher.encrypt(nonce, data, name.encode()), durable=durable)

    def _state(self) -> _State | None:
        data = self.read(_STATE)
        try:
            return None if data is None else msgspec.msgpack.decode(data, type=_State)
        except (msgspec.ValidationError, msgspec.DecodeError):
            raise VaultError(f"{self._directory} is of another version of this program") from None

    def _note(self, *, in_use: bool) -> None:
        self.write(_STATE, msgspec.msgpack.encode(_State(self.epoch, in_use)), durable=True)

    def _key(self) -> bytes:
        if self._passphrase is None:
            if self._read(_SALT) is not None:
                raise VaultError(f"{self._directory} was made with a passphrase: give it in [direct] passphrase")
            return self._made_once(_KEY)
        if self._read(_KEY) is not None:
            raise VaultError(f"{self._directory} was made without a passphrase: leave [direct] passphrase out")
        salt = self._made_once(_SALT)
        return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(self._passphrase.encode())

    def _made_once(self, name: str) -> bytes:
        found = self._read(name)
        if found is None and self._read(_STATE) is not None:
            raise VaultError(
                f"{self._directory / name} is missing, without which nothing there can be read: restore it"
            )
        if found is None:
            found = secrets.token_bytes(32)
            self._write(name, found, durable=True)
        if len(found) != 32:
            raise VaultError(f"{self._directory / name} is damaged: restore it from a copy")
        return found

    def _read(self, name: str) -> bytes | None:
        path = self._directory / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultError(f"{path} can't be read: {error.strerror}") from None
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if found.st_uid != os.getuid() or found.st_mode & 0o077 or not stat.S_ISREG(found.st_mode):
                raise VaultError(f"{path} can be read by others: chmod 600 {path}, and look who did")
            return file.read()

    def _write(self, name: str, data: bytes, *, durable: bool) -> None:
        path = self._directory / name
        draft = path.with_name(f"{name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(descriptor)
        draft.replace(path)
        if durable:
            self._sync(self._directory)

    @staticmethod
    def _sync(path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def file_name(kind: str, name: str) -> str:
    """A file's name for something whose own name shall not stand in the directory."""
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"

"""Who has an account: names, numbers, contacts, privacy, and the login. Pure; randomness is passed in."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from hullo.demo.loopback_telegram.crypto import RandomBytes
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.srp import PasswordVerifier


class Who(StrEnum):
    """A privacy setting: who may."""

    EVERYBODY = "everybody"
    CONTACTS = "contacts"
    NOBODY = "nobody"


@dataclass
class Member:
    """One account. The fields may be changed at any time, as its owner might in the settings."""

    id: int
    phone: str
    """Digits only."""
    name: str
    username: str
    password: str | None = None
    """For two-step verification."""
    contacts: set[int] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    may_call: Who = Who.EVERYBODY
    may_p2p: Who = Who.EVERYBODY
    dc: int = 2
    """The data centre where the account lives, and the files that it uploads."""

    def allows(self, who: Who, other: int) -> bool:
        """Whether a privacy setting of this member lets `other` through."""
        return who is Who.EVERYBODY or (who is Who.CONTACTS and other in self.contacts)


@dataclass
class _Login:
    member: Member | None
    code: str
    code_hash: str
    tries: int = 3


class Directory:
    """All members of one loopback Telegram."""

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self._secret = random(32)
        self._members: dict[int, Member] = {}
        self._logins: dict[str, _Login] = {}
        self._verifiers: dict[int, PasswordVerifier] = {}

    def add(self, member: Member) -> Member:
        """Open an account."""
        self._members[member.id] = member
        return member

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def member(self, user_id: int) -> Member:
        """The member with that id. Raises `RpcFailure`."""
        if user_id not in self._members:
            raise RpcFailure(400, "USER_ID_INVALID")
        return self._members[user_id]

    def by_username(self, username: str) -> Member:
        """The member with that name, without the @. Raises `RpcFailure`."""
        for member in self:
            if member.username.lower() == username.lower():
                return member
        raise RpcFailure(400, "USERNAME_NOT_OCCUPIED")

    def by_phone(self, phone: str) -> Member | None:
        """The member with that number, if there is one."""
        digits = _digits(phone)
        return next((member for member in self if member.phone == digits), None)

    def access_hash(self, viewer: int, target: int) -> int:
        """The key that `viewer` needs to name `target`; another viewer's is different."""
        digest = hmac.new(self._secret, f"{viewer}:{target}".encode(), sha256).digest()
        return int.from_bytes(digest[:8], "little", signed=True)

    # Login

    def send_code(self, phone: str) -> str:
        """Begin a login and return the hash of its code. Raises `RpcFailure`."""
        digits = _digits(phone)
        if not 5 <= len(digits) <= 15:
            raise RpcFailure(400, "PHONE_NUMBER_INVALID")
        code = f"{int.from_bytes(self._random(4), 'big') % 100_000:05}"
        self._logins[digits] = _Login(self.by_phone(digits), code, self._random(9).hex())
        return self._logins[digits].code_hash

    def code_sent_to(self, phone: str) -> str:
        """What the owner of the number reads on their other device. Raises `KeyError` if no code was asked for."""
        return self._logins[_digits(phone)].code

    def sign_in(self, phone: str, code_hash: str, code: str) -> Member | None:
        """The member who logged in, or None if nobody has that number. Raises `RpcFailure`."""
        login = self._logins.get(_digits(phone))
        if login is None or login.code_hash != code_hash:
            raise RpcFailure(400, "PHONE_CODE_EXPIRED")
        if not hmac.compare_digest(login.code, code):
            login.tries -= 1
            if login.tries == 0:
                del self._logins[_digits(phone)]
            raise RpcFailure(400, "PHONE_CODE_INVALID")
        del self._logins[_digits(phone)]
        return login.member

    def verifier(self, member: Member) -> PasswordVerifier:
        """What is kept of a member's password, with a new challenge. Raises `RpcFailure` if they have none."""
        if member.password is None:
            raise RpcFailure(400, "PASSWORD_HASH_INVALID")
        verifier = PasswordVerifier(member.password, self._random)
        self._verifiers[member.id] = verifier
        return verifier

    def check_password(self, member: Member, srp_id: int, a: bytes, proof: bytes) -> None:
        """Raises `RpcFailure` unless the proof is right."""
        verifier = self._verifiers.pop(member.id, None)
        if verifier is None or verifier.id != srp_id:
            raise RpcFailure(400, "SRP_ID_INVALID")
        if not verifier.accepts(a, proof):
            raise RpcFailure(400, "PASSWORD_HASH_INVALID")


def _digits(phone: str) -> str:
    return "".join(character for character in phone if character.isdigit())

"""What a device and the rendezvous tell each other: MessagePack in WebSocket messages (version 1).

The server speaks first. All integers are bounded, all names and keys checked, before anything else looks at them.
"""

from typing import Annotated, TypeAlias, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

VERSION = 1

MAX_PREKEYS = 200
MAX_DEVICES = 8
"""Of one person."""
MAX_FRAME = 384 * 1024
"""Bytes of one WebSocket message: an envelope for each device of a person."""
MAX_ENVELOPE = 40 * 1024

Person: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
DeviceName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Key: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature: TypeAlias = Annotated[bytes, Meta(min_length=64, max_length=64)]
Data: TypeAlias = Annotated[bytes, Meta(max_length=MAX_ENVELOPE)]
Sequence: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]


class WireError(ValueError):
    """Bytes that are no message of this protocol."""


class PublishedKeys(msgspec.Struct, frozen=True, array_like=True):
    """The prekeys of a device: the signed one, the identity's signature of it, and those that are given out once."""

    signed_prekey: Key
    signature: Signature
    prekeys: Annotated[tuple[Key, ...], Meta(max_length=MAX_PREKEYS)] = ()


class Bundle(msgspec.Struct, frozen=True, array_like=True):
    """The keys of one device, with one prekey of its own (None when they are spent)."""

    device: DeviceName
    identity: Key
    keys: PublishedKeys
    prekey: Key | None


class _Tagged(msgspec.Struct, frozen=True, tag_field="t"):
    pass


# From the server


class Challenge(_Tagged, frozen=True, tag="challenge"):
    """Sign this, to show whose key you have."""

    version: int
    nonce: Key


class Welcome(_Tagged, frozen=True, tag="welcome"):
    """You are who you say. `prekeys` of yours are left."""

    prekeys: int


class Envelope(_Tagged, frozen=True, tag="envelope"):
    """Somebody sent you this, `waited` seconds ago."""

    person: Person
    device: DeviceName
    data: Data
    waited: float


class Bundles(_Tagged, frozen=True, tag="bundles"):
    """The keys of a person's devices: of those that were asked for."""

    sequence: Sequence
    bundles: Annotated[tuple[Bundle, ...], Meta(max_length=MAX_DEVICES)]


class Sent(_Tagged, frozen=True, tag="sent"):
    """An envelope is on its way to the devices named in it; `missing` are others of that person, `full` took none."""

    sequence: Sequence
    missing: Annotated[tuple[DeviceName, ...], Meta(max_length=MAX_DEVICES)] = ()
    gone: Annotated[tuple[DeviceName, ...], Meta(max_length=MAX_DEVICES)] = ()
    full: Annotated[tuple[DeviceName, ...], Meta(max_length=MAX_DEVICES)] = ()


class LowPrekeys(_Tagged, frozen=True, tag="low-prekeys"):
    """Publish new prekeys: only so many are left."""

    left: int


class Refusal(_Tagged, frozen=True, tag="refusal"):
    """A request is refused, or with sequence None the connection: `code` is for programs, `detail` for people."""

    code: str
    detail: str
    sequence: Sequence | None = None


ServerMessage: TypeAlias = Challenge | Welcome | Envelope | Bundles | Sent | LowPrekeys | Refusal


# From the device


class Hello(_Tagged, frozen=True, tag="hello"):
    """Who we are, signed by `identity`. The first device of a person binds the name to the key."""

    person: Person
    device: DeviceName
    identity: Key
    signature: Signature


class Publish(_Tagged, frozen=True, tag="publish"):
    """Our prekeys, in place of those before."""

    keys: PublishedKeys


class Fetch(_Tagged, frozen=True, tag="fetch"):
    """Give us the keys of a person's devices, of all or of those named. Each costs them a prekey."""

    sequence: Sequence
    person: Person
    devices: Annotated[tuple[DeviceName, ...], Meta(max_length=MAX_DEVICES)] = ()


class Post(_Tagged, frozen=True, tag="post"):
    """Bring this to a person's devices; what can't be brought within `seconds` is thrown away.

    With `everywhere` the answer says which devices of theirs are missing.
    """

    sequence: Sequence
    person: Person
    envelopes: Annotated[dict[DeviceName, Data], Meta(max_length=MAX_DEVICES)]
    seconds: Annotated[float, Meta(ge=0, le=60)]
    everywhere: bool


ClientMessage: TypeAlias = Hello | Publish | Fetch | Post

_FROM_SERVER: msgspec.msgpack.Decoder[ServerMessage] = msgspec.msgpack.Decoder(ServerMessage)
_FROM_CLIENT: msgspec.msgpack.Decoder[ClientMessage] = msgspec.msgpack.Decoder(ClientMessage)


def encode(message: ServerMessage | ClientMessage) -> bytes:
    """A message as bytes."""
    return msgspec.msgpack.encode(message)


def parse_server(data: bytes) -> ServerMessage:
    """Read a message of the server. Raises `WireError`."""
    return _parse(_FROM_SERVER, data)


def parse_client(data: bytes) -> ClientMessage:
    """Read a message of a device. Raises `WireError`."""
    return _parse(_FROM_CLIENT, data)


def signed_by_hello(nonce: bytes, host: str, person: str, device: str) -> bytes:
    """What `Hello` signs: the challenge, and where and as whom it is answered, so that it is good for nothing else."""
    parts = [b"hullo rendezvous hello 1", nonce, host.encode(), person.encode(), device.encode()]
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def is_signed(identity: bytes, signature: bytes, data: bytes) -> bool:
    """Whether this is an Ed25519 signature of that key."""
    try:
        Ed25519PublicKey.from_public_bytes(identity).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


_Message = TypeVar("_Message")


def _parse(decoder: msgspec.msgpack.Decoder[_Message], data: bytes) -> _Message:
    if len(data) > MAX_FRAME:
        raise WireError(f"a message of {len(data)} bytes; the longest is {MAX_FRAME}")
    try:
        return decoder.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"not a message of the rendezvous: {error}") from None

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
LIVE_SECONDS = 60.0
"""An envelope that may wait longer is a letter: it is kept on disk until its device has taken it."""
MAX_KEEP = 30 * 86_400.0
"""Seconds that a letter may wait."""
MAX_TAKEN = 100
"""Letters that are taken with one message."""

Person: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
DeviceName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Key: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature: TypeAlias = Annotated[bytes, Meta(min_length=64, max_length=64)]
Data: TypeAlias = Annotated[bytes, Meta(max_length=MAX_ENVELOPE)]
LetterId: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{13}-[0-9a-f]{16}$")]
FileId: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]
Ticket: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
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


class Succession(msgspec.Struct, frozen=True, array_like=True):
    """A person's key `old` is followed by `new`, which the devices `removed` do not have; signed by both keys.

    `number` counts them, `at` is Unix time in seconds by the clock of the device `by`.
    """

    number: Annotated[int, Meta(ge=1, le=2**31)]
    at: Annotated[int, Meta(ge=0, le=2**53)]
    by: DeviceName
    removed: Annotated[tuple[DeviceName, ...], Meta(max_length=MAX_DEVICES)]
    old: Key
    new: Key
    old_signature: Signature
    new_signature: Signature


Successions: TypeAlias = Annotated[tuple[Succession, ...], Meta(max_length=64)]


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
    """Somebody sent you this, `waited` seconds ago. A letter comes again until it is taken."""

    person: Person
    device: DeviceName
    data: Data
    waited: float
    letter: LetterId | None = None


class Bundles(_Tagged, frozen=True, tag="bundles"):
    """The keys of a person's devices: of those that were asked for; and how their key came to follow earlier ones."""

    sequence: Sequence
    bundles: Annotated[tuple[Bundle, ...], Meta(max_length=MAX_DEVICES)]
    successions: Successions = ()


class Sent(_Tagged, frozen=True, tag="sent"):
    """An envelope is on its way to the devices named in it; `missing` are others of that person, `full` took none."""

    sequence: Sequence
    missing: Annotated[tuple[DeviceName, ...], Meta(max_length=MAX_DEVICES)] = ()
    gone: Annotated[tuple[DeviceName, ...], Meta(max_length=MAX_DEVICES)] = ()
    full: Annotated[tuple[DeviceName, ...], Meta(max_length=MAX_DEVICES)] = ()


class Reserved(_Tagged, frozen=True, tag="reserved"):
    """There is room for your file: write it with the ticket; whoever knows `file` may read it for `seconds`."""

    sequence: Sequence
    file: FileId
    ticket: Ticket
    seconds: float


class Accepted(_Tagged, frozen=True, tag="accepted"):
    """Your new key has the name now; publish prekeys that it signs."""

    sequence: Sequence


class Succeeded(_Tagged, frozen=True, tag="succeeded"):
    """Your key has been followed by another one; the connection ends."""

    successions: Successions


class LowPrekeys(_Tagged, frozen=True, tag="low-prekeys"):
    """Publish new prekeys: only so many are left."""

    left: int


class Refusal(_Tagged, frozen=True, tag="refusal"):
    """A request is refused, or with sequence None the connection: `code` is for programs, `detail` for people."""

    code: str
    detail: str
    sequence: Sequence | None = None


ServerMessage: TypeAlias = (
    Challenge | Welcome | Envelope | Bundles | Sent | Reserved | Accepted | Succeeded | LowPrekeys | Refusal
)


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

    With more than `LIVE_SECONDS` it is a letter. With `everywhere` the answer says which devices of theirs are missing.
    """

    sequence: Sequence
    person: Person
    envelopes: Annotated[dict[DeviceName, Data], Meta(max_length=MAX_DEVICES)]
    seconds: Annotated[float, Meta(ge=0, le=MAX_KEEP)]
    everywhere: bool


class Took(_Tagged, frozen=True, tag="took"):
    """These letters need not be kept any longer."""

    letters: Annotated[tuple[LetterId, ...], Meta(max_length=MAX_TAKEN)]


class Reserve(_Tagged, frozen=True, tag="reserve"):
    """Keep room for a sealed file of that many bytes."""

    sequence: Sequence
    size: Annotated[int, Meta(ge=1, le=2**40)]


class Succeed(_Tagged, frozen=True, tag="succeed"):
    """Bind our name to a new key. This device has it; all others of our person are removed."""

    sequence: Sequence
    succession: Succession


ClientMessage: TypeAlias = Hello | Publish | Fetch | Post | Took | Reserve | Succeed

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

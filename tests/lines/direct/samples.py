"""Messages to play with."""

from hullo.lines.direct.channel import Device
from hullo.lines.direct.messages import Answer, Offer, Transport

WALL = 1_700_000_000.0
NONCE = bytes(range(32))

ALICE = Device("alice", "phone")
BOB = Device("bob", "phone")
BOB_DESK = Device("bob", "desk")
CAROL = Device("carol", "phone")

TRANSPORT = Transport(ufrag="abcd", pwd="p" * 22, fingerprint=":".join(["AB"] * 32))


def call_id(number: int) -> str:
    """The id of the call of that number; a lesser number is a lesser id."""
    return f"{number:032x}"


def offer(number: int = 1, *, sent: float = WALL) -> Offer:
    """An offer sent at that Unix time."""
    return Offer(call_id=call_id(number), sent_at=int(sent * 1000), transport=TRANSPORT, commitment=bytes(32))


def answer(number: int = 1) -> Answer:
    """An answer to `offer(number)`."""
    return Answer(call_id=call_id(number), transport=TRANSPORT, nonce=bytes(32))

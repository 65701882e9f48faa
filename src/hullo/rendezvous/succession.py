"""How a person's identity key is followed by another one, without some of their devices. Pure.

The devices of a person are those that have its identity key. One of them is removed by a new key that it does not get,
and that the old one has signed, so that it can be followed. Each key has one successor and nobody goes back: an old
key, and what it signs, is good for nothing any more. What is shown again brings no device back.
"""

from collections.abc import Iterable, Sequence

import msgspec

from hullo.rendezvous.wire import Succession, is_signed

MAX_SUCCESSIONS = 12
"""That are kept and shown; to somebody who has missed more of them the key is a strange one."""


def signed_by_succession(
    person: str, number: int, at: int, by: str, removed: tuple[str, ...], old: bytes, new: bytes
) -> bytes:
    """What both keys sign."""
    return msgspec.msgpack.encode(("hullo succession 1", person, number, at, by, removed, old, new))


def is_genuine(person: str, step: Succession) -> bool:
    """Whether both keys have signed it, as this person's."""
    signed = signed_by_succession(person, step.number, step.at, step.by, step.removed, step.old, step.new)
    return is_signed(step.old, step.old_signature, signed) and is_signed(step.new, step.new_signature, signed)


def follow(person: str, known: bytes, successions: Iterable[Succession]) -> tuple[Succession, ...]:
    """The genuine steps that lead on from a known key, in order; none if there is no way from it."""
    steps: list[Succession] = []
    for step in successions:
        current = steps[-1].new if steps else known
        in_turn = not steps or step.number == steps[-1].number + 1
        if step.old == current and in_turn and is_genuine(person, step):
            steps.append(step)
    return tuple(steps)


def before(person: str, known: bytes, successions: Sequence[Succession]) -> tuple[bytes, ...]:
    """The keys that a known one has followed, as it has signed itself; the latest first."""
    keys: list[bytes] = []
    for step in reversed(successions):
        if step.new == (keys[-1] if keys else known) and is_genuine(person, step):
            keys.append(step.old)
    return tuple(keys)

"""A person's key is followed by another one: what the steps say, and what a node does."""

import time

import msgspec
import pytest

from hullo.lines.direct.private.identity import Identity
from hullo.rendezvous.node import Kicked, Node
from hullo.rendezvous.succession import before, follow, is_genuine, signed_by_succession
from hullo.rendezvous.wire import (
    Accepted,
    Bundles,
    Fetch,
    Refusal,
    Sent,
    ServerMessage,
    Succeed,
    Succeeded,
    Succession,
    Welcome,
)
from tests.rendezvous.test_node import Client, joined, node, post

__all__ = ["node"]


def step(
    old: Identity, new: Identity, number: int = 1, *, person: str = "alice", removed: tuple[str, ...] = ("stolen",)
) -> Succession:
    """A genuine one."""
    at = int(time.time())
    signed = signed_by_succession(person, number, at, "phone", removed, old.public, new.public)
    return Succession(number, at, "phone", removed, old.public, new.public, old.sign(signed), new.sign(signed))


def test_steps_are_followed_from_the_key_that_is_known_and_never_back() -> None:
    one, two, three = (Identity.new() for _ in range(3))
    chain = (step(one, two), step(two, three, 2))
    assert follow("alice", one.public, chain) == chain
    assert follow("alice", two.public, chain) == chain[1:]
    assert follow("alice", three.public, chain) == ()
    assert follow("bob", one.public, chain) == ()
    assert follow("alice", one.public, chain[::-1]) == chain[:1]
    assert follow("alice", one.public, (chain[0], step(two, three, 3))) == chain[:1]


def test_a_key_says_which_ones_it_has_followed() -> None:
    one, two, three = (Identity.new() for _ in range(3))
    chain = (step(one, two), step(two, three, 2))
    assert before("alice", three.public, chain) == (two.public, one.public)
    assert before("alice", two.public, chain) == (one.public,)
    assert before("alice", one.public, chain) == ()
    forged = msgspec.structs.replace(chain[1], new_signature=bytes(64))
    assert before("alice", three.public, (chain[0], forged)) == ()


@pytest.mark.parametrize("field", ["number", "at", "by", "removed", "old", "new", "old_signature", "new_signature"])
def test_what_was_changed_is_not_genuine(field: str) -> None:
    genuine = step(Identity.new(), Identity.new())
    value = getattr(genuine, field)
    other = {int: 7, str: "desk", tuple: ("desk",), bytes: bytes(len(value) if isinstance(value, bytes) else 0)}
    assert is_genuine("alice", genuine)
    assert not is_genuine("alice", msgspec.structs.replace(genuine, **{field: other[type(value)]}))


async def test_the_name_goes_to_the_new_key_and_a_removed_device_is_shown_why(node: Node) -> None:
    old, new = Identity.new(), Identity.new()
    phone, desk = await joined(node, "alice", old), await joined(node, "alice", old, "desk")
    stolen, bob = await joined(node, "alice", old, "stolen"), await joined(node, "bob")
    stolen.leave()
    assert await bob.say(post("alice", "stolen")) == Sent(7, missing=("desk", "phone"))
    taken = step(old, new)
    assert await phone.say(Succeed(1, taken)) == Accepted(1)
    assert isinstance(desk.heard[-1], Refusal)
    assert desk.heard[-1].code == "succeeded"
    assert await bob.say(post("alice", "stolen")) == Sent(7, missing=("phone",), gone=("stolen",))
    assert await bob.say(Fetch(1, "alice")) == Bundles(1, (), (taken,))
    for device in ("stolen", "desk", "another"):
        back = Client(node, "alice", old, device)
        with pytest.raises(Kicked):
            await back.hello()
        assert back.heard == [Succeeded((taken,))]
    again = Client(node, "alice", new, "stolen")
    assert await again.hello() == Welcome(0)  # nothing waits for it from before


async def test_only_a_step_from_the_key_that_is_bound_is_taken(node: Node) -> None:
    old, new = Identity.new(), Identity.new()
    phone = await joined(node, "alice", old)
    wrong = [step(new, old), step(old, new, 2), step(old, new, person="bob")]
    wrong.append(msgspec.structs.replace(step(old, new), new=Identity.new().public))
    for each in wrong:
        refused: ServerMessage | None = await phone.say(Succeed(1, each))
        assert isinstance(refused, Refusal)
        assert refused.code == "signature"
    assert await phone.say(Succeed(1, step(old, new))) == Accepted(1)
    for number in range(2, 6):
        old, new = new, Identity.new()
        assert await phone.say(Succeed(1, step(old, new, number))) == Accepted(1)
    again = await phone.say(Succeed(1, step(new, Identity.new(), 6)))
    assert isinstance(again, Refusal)
    assert again.code == "rate"

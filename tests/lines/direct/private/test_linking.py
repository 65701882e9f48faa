"""One more device of a person, linked through rendezvous that are honest, and through one that is not."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.book import ContactBook, Entry
from hullo.lines.direct.private.envelope import pad
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.joining import NEW, receive_handover
from hullo.lines.direct.private.linking import (
    Handover,
    LinkCode,
    LinkError,
    NewDevice,
    _derived,
    parse_link_code,
    seal_handover,
)
from hullo.lines.direct.private.opening import create_linked
from hullo.lines.direct.private.own_keys import OwnKeys
from hullo.lines.direct.private.sessions import Sessions
from hullo.lines.direct.private.settings import DirectConfig
from hullo.lines.direct.private.vault import Vault
from hullo.lines.line import EndReason
from hullo.rendezvous.wire import Bundle, Envelope
from tests.lines.direct.memory_channel import DEADLINE, answered
from tests.lines.direct.rendezvous import Member, Town, town
from tests.lines.direct.samples import ALICE, BOB
from tests.lines.direct.test_hostile_rendezvous import HostileNode, call
from tests.lines.direct.test_line import hang_up, sound
from tests.rtc.test_connection import until

SEED = bytes(range(32))
HANDOVER = Handover(person="alice", seed=SEED, devices=("laptop",), contacts={"bob": Entry(contact=True)})


def test_a_code_is_read_as_it_is_typed() -> None:
    code = NewDevice().code
    text = str(code)
    assert parse_link_code(text) == parse_link_code(f" {text.lower().replace('-', ' ')}\n") == code
    assert code.key.hex() not in code.mailbox


@pytest.mark.parametrize("text", ["", "hullo-link:", "hullo:alice@example.org#AAAA", "hullo-link:ABCD-EFGH", "ä" * 52])
def test_what_is_no_code_is_said(text: str) -> None:
    with pytest.raises(LinkError, match="no code"):
        parse_link_code(text)


def test_only_the_device_that_showed_the_code_can_open_and_only_who_knew_it_can_seal() -> None:
    new, other = NewDevice(), NewDevice()
    sealed = seal_handover(new.code, HANDOVER)
    assert new.open(sealed) == HANDOVER
    assert SEED not in sealed
    for wrong in (other, NewDevice()):
        with pytest.raises(LinkError):
            wrong.open(sealed)
    with pytest.raises(LinkError):
        new.open(seal_handover(other.code, HANDOVER))
    with pytest.raises(LinkError):
        seal_handover(LinkCode(bytes(32)), HANDOVER)
    assert "0102030405" not in repr(HANDOVER)


@given(st.binary(max_size=200))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(LinkError):
        NewDevice().open(rubbish)


def test_what_is_nested_without_end_is_refused() -> None:
    new = NewDevice()
    ours = X25519PrivateKey.generate()
    public = ours.public_key().public_bytes_raw()
    key = _derived(ours.exchange(X25519PublicKey.from_public_bytes(new.code.key)), public, new.code.key)
    padded = pad(b"\x81\xa7unknown" + b"\x91" * 10_000 + b"\x01")
    sealed = ChaCha20Poly1305(key).encrypt(bytes(12), padded, b"hullo link mailbox 1")
    with pytest.raises(LinkError):
        new.open(public + sealed)


@given(st.integers(32, 4000), st.integers(1, 255))
def test_what_was_changed_is_refused(at: int, flip: int) -> None:
    new = NewDevice()
    changed = bytearray(seal_handover(new.code, HANDOVER))
    changed[at] ^= flip
    with pytest.raises(LinkError):
        new.open(bytes(changed))


def test_the_new_device_gets_a_name_of_its_own() -> None:
    taken = msgspec.structs.replace(HANDOVER, devices=("laptop", "laptop-2"))
    assert taken.free_name("phone") == "phone"
    assert taken.free_name("laptop") == "laptop-3"


async def linked(here: Town, owner: Member, new: NewDevice, refused: list[str]) -> Handover:
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(receive_handover(here.urls, new, refused.append))
        while not waiting.done():
            try:
                await owner.channel.hand_over(parse_link_code(str(new.code)))
                break
            except LinkError:  # the new device is not there yet
                await asyncio.sleep(0.01)
    return waiting.result()


async def test_a_linked_device_rings_too_and_stops_when_the_other_answers(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice, bob = await here.join(ALICE, "bob"), await here.join(BOB, "alice")
        await call(bob, alice)
        alice.book.verify("bob")
        handover = await linked(here, alice, NewDevice(), [])
        own = create_linked(DirectConfig(directory=tmp_path / "new"), handover, "phone")
        assert own == Device("alice", "phone-2")
        desk = await here.join(own, vault="new")
        assert desk.book.verified("bob")
        await until(lambda: desk.channel.problem() is None)
        dialing = asyncio.create_task(bob.dial("alice"))
        ringing, callee = await alice.offer(), await (await desk.offer()).accept()
        assert (await ringing.withdrawn()).reason is EndReason.NO_ANSWER
        caller = await dialing
        await hang_up(caller, callee)  # type: ignore[arg-type]
        assert bob.noticed() == []
        await call(desk, bob)


async def test_a_code_that_nobody_shows_is_said_and_one_that_nobody_enters_has_an_end(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice = await here.join(ALICE)
        with pytest.raises(LinkError, match="no new device waits"):
            await alice.channel.hand_over(NewDevice().code)
        with pytest.raises(LinkError, match="nobody entered the code"):
            await receive_handover(here.urls, NewDevice(), lambda why: None, lifetime=0.3)


async def test_a_hostile_rendezvous_reads_no_keys_and_hands_over_none_of_its_own(tmp_path: Path) -> None:
    """It gives the new device what it made itself, and what was meant for another one, before what is genuine."""
    node, refused = HostileNode(), list[str]()
    its_own = msgspec.structs.replace(HANDOVER, seed=Identity.new().seed)
    async with town(tmp_path, node) as here:
        alice = await here.join(ALICE, "bob")
        earlier = NewDevice()
        await linked(here, alice, earlier, [])
        replayed = next(envelope for person, _, envelope in node.envelopes if person == earlier.code.mailbox)
        guessed = msgspec.structs.replace(replayed, data=seal_handover(NewDevice().code, its_own))
        node.deliver = lambda envelope: [replayed, guessed, envelope, envelope]
        new = NewDevice()
        handover = await linked(here, alice, new, refused)
        assert handover.seed == alice.sessions.keys.identity.seed
        assert len(refused) >= 2
        seen = b"".join(node.read) + b"".join(envelope.data for _, _, envelope in node.envelopes)
        for secret in (handover.seed, new.code.key, b"bob"):
            assert secret not in seen


async def test_a_device_that_a_hostile_rendezvous_adds_gets_nothing(tmp_path: Path) -> None:
    """Its keys are not signed by the person's identity, or its identity is another one."""
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, bob = await here.join(ALICE, "bob"), await here.join(BOB, "alice")
        await call(alice, bob)
        with Vault(tmp_path / "spy") as vault:
            OwnKeys.create(vault, Device("bob", "spy"))
            spy = Sessions(vault, ContactBook(vault))
            keys = spy.keys.publish()
            for identity in (bob.sessions.keys.identity.public, spy.keys.identity.public):
                forged = Bundle("spy", identity, keys, keys.prekeys[0])
                node.give = lambda bundle, forged=forged: forged  # type: ignore[misc]
                alice.book.remember_device("bob", "spy")
                alice.line.notices.clear()
                legs = await answered(alice, bob)
                await sound(*legs)
                await hang_up(*legs)
                await alice.notice("forged" if identity == bob.sessions.keys.identity.public else "key-changed")
                assert not any(device == "spy" for person, device, _ in node.envelopes if person == "bob")
        node.inject("bob", "phone", Envelope("alice", NEW, bytes(100), 0.0))
        await bob.notice("malformed")

"""Sessions between two devices: in order, out of order, lost, replayed, forged, and over restarts."""

import random
import shutil
from pathlib import Path

import msgspec
import pytest

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.envelope import MAX_CHAIN, SIZES, encode_envelope, parse_envelope
from hullo.lines.direct.private.identity import Identity, safety_number
from hullo.lines.direct.private.own_keys import _load
from hullo.lines.direct.private.sessions import NoSession, Refused, Sessions
from hullo.lines.direct.private.vault import Vault, file_name
from tests.lines.direct.private.two import End, alice_and_bob, end
from tests.lines.direct.samples import ALICE, BOB, CAROL


async def say(one: End, other: End, text: bytes) -> None:
    envelope = await one.sessions.encrypt(other.own, text)
    assert text not in envelope
    assert await other.sessions.decrypt(one.own, envelope) == text


async def begun(alice: End, bob: End) -> None:
    first = await alice.sessions.encrypt(BOB, b"hello", bob.bundle())
    assert await bob.sessions.decrypt(ALICE, first) == b"hello"


async def refused(end: End, sender: Device, envelope: bytes) -> str:
    with pytest.raises(Refused) as refusal:
        await end.sessions.decrypt(sender, envelope)
    return refusal.value.kind


async def test_a_conversation(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        with pytest.raises(NoSession):
            await alice.sessions.encrypt(BOB, b"too early")
        await begun(alice, bob)
        for number in range(5):
            await say(bob, alice, b"to alice %d" % number)
            await say(alice, bob, b"to bob %d" % number)
        assert not alice.notices
        assert not bob.notices


async def test_messages_in_any_order_and_some_never(tmp_path: Path) -> None:
    rng = random.Random(5)
    with alice_and_bob(tmp_path) as (alice, bob):
        first = await alice.sessions.encrypt(BOB, b"0", bob.bundle())
        sent = {b"0": first} | {b"%d" % n: await alice.sessions.encrypt(BOB, b"%d" % n) for n in range(1, 20)}
        order = [text for text in sent if int(text) % 4]
        rng.shuffle(order)
        for text in order:
            assert await bob.sessions.decrypt(ALICE, sent[text]) == text
        await say(bob, alice, b"back again")
        assert await bob.sessions.decrypt(ALICE, sent[b"4"]) == b"4"


async def test_both_begin_at_the_same_time(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        to_bob = await alice.sessions.encrypt(BOB, b"from alice", bob.bundle())
        to_alice = await bob.sessions.encrypt(ALICE, b"from bob", alice.bundle())
        assert await bob.sessions.decrypt(ALICE, to_bob) == b"from alice"
        assert await alice.sessions.decrypt(BOB, to_alice) == b"from bob"
        for _ in range(3):
            await say(alice, bob, b"and then")
            await say(bob, alice, b"and on")


async def test_a_replay_is_called_one_also_after_a_restart(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        first = await alice.sessions.encrypt(BOB, b"hello", bob.bundle())
        second = await alice.sessions.encrypt(BOB, b"again")
        spent = await alice.sessions.encrypt(BOB, b"new", bob.bundle(spent=True))
        for envelope in (first, second, spent):
            await bob.sessions.decrypt(ALICE, envelope)
            assert await refused(bob, ALICE, envelope) == "replayed"
    with end(tmp_path, BOB) as bob:
        for envelope in (first, second, spent):
            assert await refused(bob, ALICE, envelope) == "replayed"


async def test_sessions_go_on_after_a_restart(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
        await say(bob, alice, b"yes, I hear")
    with alice_and_bob(tmp_path) as (alice, bob):
        await say(alice, bob, b"still here")
        await say(bob, alice, b"so am I")


async def test_after_a_crash_no_key_can_be_used_twice(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
        await say(bob, alice, b"yes, I hear")
        shutil.copytree(tmp_path / "alice-phone", tmp_path / "as it was")
    shutil.rmtree(tmp_path / "alice-phone")
    (tmp_path / "as it was").rename(tmp_path / "alice-phone")
    for _ in range(2):  # also when the next start ends properly
        with alice_and_bob(tmp_path) as (alice, bob):
            late = await bob.sessions.encrypt(ALICE, b"can be read")
            assert await alice.sessions.decrypt(BOB, late) == b"can be read"
            with pytest.raises(NoSession):
                await alice.sessions.encrypt(BOB, b"not sent in the old session")
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
    with alice_and_bob(tmp_path) as (alice, bob):
        await say(alice, bob, b"sent in the new one")


async def test_after_a_crash_prekeys_are_published_that_are_there_for_certain(tmp_path: Path) -> None:
    with end(tmp_path, BOB) as bob:
        assert not bob.sessions.keys.publication_due()
        shutil.copytree(tmp_path / "bob-phone", tmp_path / "as it was")
    with Vault(tmp_path / "as it was") as vault:
        sessions = Sessions(vault, ContactBook(vault))
        assert sessions.keys.publication_due()
        sessions.keys.publish()
        assert not sessions.keys.publication_due()


async def test_what_a_full_disk_refused_can_be_read_and_sent_afterwards(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        first = await alice.sessions.encrypt(BOB, b"first", bob.bundle())
        second = await alice.sessions.encrypt(BOB, b"second")
        obstacle = tmp_path / "bob-phone" / f"{file_name('session', str(ALICE))}.new"
        for envelope, text in ((first, b"first"), (second, b"second")):
            obstacle.mkdir()
            with pytest.raises(IsADirectoryError):
                await bob.sessions.decrypt(ALICE, envelope)
            if envelope is second:
                with pytest.raises(IsADirectoryError):
                    await bob.sessions.encrypt(ALICE, b"not sent")
            obstacle.rmdir()
            assert await bob.sessions.decrypt(ALICE, envelope) == text
        await say(bob, alice, b"sent")


async def test_a_prekey_that_the_disk_would_not_remove_is_removed_later(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        first = await alice.sessions.encrypt(BOB, b"first", bob.bundle())
        agreement = parse_envelope(first).agreement
        assert agreement is not None
        obstacle = tmp_path / "bob-phone" / "device.new"
        obstacle.mkdir()
        taken: list[bytes] = []
        with pytest.raises(IsADirectoryError):
            await bob.sessions.decrypt(ALICE, first, taken.append)
        assert taken == [b"first"]
        assert agreement.prekey in bob.sessions.keys._prekeys.bundle.pre_keys
        obstacle.rmdir()
        assert await refused(bob, ALICE, first) == "replayed"
        assert agreement.prekey not in bob.sessions.keys._prekeys.bundle.pre_keys
        await say(alice, bob, b"second")


@pytest.mark.parametrize("begins", [True, False])
async def test_what_nobody_took_was_not_read(tmp_path: Path, begins: bool) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        if not begins:
            await begun(alice, bob)
        envelope = await alice.sessions.encrypt(BOB, b"a letter", bob.bundle() if begins else None)

        def refuse(message: bytes) -> None:
            assert message == b"a letter"
            raise OSError(28, "No space left on device")

        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                await bob.sessions.decrypt(ALICE, envelope, refuse)
        taken: list[bytes] = []
        await bob.sessions.decrypt(ALICE, envelope, taken.append)
        assert taken == [b"a letter"]
        assert await refused(bob, ALICE, envelope) == "replayed"
        await say(bob, alice, b"thank you")


async def test_sessions_that_the_disk_has_damaged_cost_new_ones_and_no_more(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
        await say(bob, alice, b"yes, I hear")
    (tmp_path / "bob-phone" / file_name("session", str(ALICE))).write_bytes(b"")
    with alice_and_bob(tmp_path) as (alice, bob):
        assert await refused(bob, ALICE, await alice.sessions.encrypt(BOB, b"lost on you")) == "unknown-session"
        await begun(alice, bob)


async def test_no_key_is_in_what_a_debugger_shows(tmp_path: Path) -> None:
    with end(tmp_path, BOB) as bob:
        assert repr(bob.sessions.keys.identity.seed) not in repr(_load(bob.vault))


async def test_every_changed_byte_is_refused_and_the_session_lives_on(tmp_path: Path) -> None:
    rng = random.Random(9)
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
        envelope = await alice.sessions.encrypt(BOB, b"true")
        for _ in range(60):
            at, change = rng.randrange(len(envelope)), rng.randrange(1, 256)
            changed = envelope[:at] + bytes([envelope[at] ^ change]) + envelope[at + 1 :]
            kind = await refused(bob, ALICE, changed)
            assert kind in {"forged", "malformed", "replayed", "unknown-session", "key-changed"}
        assert await bob.sessions.decrypt(ALICE, envelope) == b"true"


async def test_another_name_on_an_envelope_is_refused(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob), end(tmp_path, CAROL, "bob") as carol:
        bob.book.add("carol")
        first = await alice.sessions.encrypt(BOB, b"hello", bob.bundle())
        assert await refused(bob, CAROL, first) == "forged"
        assert await refused(bob, Device("alice", "laptop"), first) == "forged"
        assert await refused(carol, ALICE, first) in {"unknown-prekey", "forged"}
        assert await bob.sessions.decrypt(ALICE, first) == b"hello"


async def test_keys_that_are_not_signed_are_refused(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob), end(tmp_path, CAROL) as mallory:
        theirs = msgspec.structs.replace(bob.bundle(), keys=mallory.keys)
        with pytest.raises(Refused, match="not signed"):
            await alice.sessions.encrypt(BOB, b"secret", theirs)


async def test_a_changed_key_is_refused_and_shown_until_the_user_takes_it(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
        bob.book.verify("alice")
        with end(tmp_path / "new", ALICE, "bob") as reinstalled:
            envelope = await reinstalled.sessions.encrypt(BOB, b"it is me", bob.bundle())
            assert await refused(bob, ALICE, envelope) == "key-changed"
            assert [notice.kind for notice in bob.notices] == ["key-changed"]
            with pytest.raises(Refused, match="not theirs"):
                await bob.sessions.encrypt(ALICE, b"who?", reinstalled.bundle())
            assert bob.book.verified("alice")
            bob.book.trust("alice")
            assert not bob.book.verified("alice")
            assert await bob.sessions.decrypt(ALICE, envelope) == b"it is me"
            old = await alice.sessions.encrypt(BOB, b"from the old device")
            assert await refused(bob, ALICE, old) == "key-changed"


async def test_strangers_are_refused_before_anything_is_kept(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (_, bob), end(tmp_path, CAROL, "bob") as carol:
        envelope = await carol.sessions.encrypt(BOB, b"hi", bob.bundle())
        assert await refused(bob, CAROL, envelope) == "stranger"
        assert "carol" not in bob.book.entries()


async def test_a_session_that_is_not_known_any_more_is_named(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
        await say(bob, alice, b"yes, I hear")
        envelope = await alice.sessions.encrypt(BOB, b"lost on you")
        other = msgspec.structs.replace(parse_envelope(envelope), session=bytes(16))
        assert await refused(bob, ALICE, encode_envelope(other)) == "unknown-session"


async def test_prekeys_are_used_once_and_new_ones_do_not_replace_those_on_their_way(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob), end(tmp_path, CAROL, "bob") as carol:
        bob.book.add("carol")
        same = bob.bundle()
        fresh = bob.sessions.keys.publish()
        assert not set(fresh.prekeys) & set(bob.keys.prekeys)
        first = await alice.sessions.encrypt(BOB, b"hello", same)
        second = await carol.sessions.encrypt(BOB, b"hello", same)
        assert await bob.sessions.decrypt(ALICE, first) == b"hello"
        assert await refused(bob, CAROL, second) == "unknown-prekey"


async def test_a_chain_that_nobody_answers_has_an_end(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
        for _ in range(MAX_CHAIN - 1):
            await alice.sessions.encrypt(BOB, b"hello?")
        with pytest.raises(NoSession):
            await alice.sessions.encrypt(BOB, b"hello?")


async def test_lengths_tell_nothing(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        await begun(alice, bob)
        await say(bob, alice, b"yes, I hear")
        lengths = {len(await alice.sessions.encrypt(BOB, b"x" * size)) for size in (0, 1, 500, SIZES[0] - 1)}
        assert max(lengths) - min(lengths) <= 4


def test_the_safety_number_is_the_same_at_both_ends_and_another_one_for_another_key() -> None:
    alice, bob, mallory = Identity.new().public, Identity.new().public, Identity.new().public
    number = safety_number(("alice", alice), ("bob", bob))
    assert number == safety_number(("bob", bob), ("alice", alice))
    assert len(number.split()) == 12
    assert all(len(group) == 5 for group in number.split())
    assert number != safety_number(("alice", alice), ("bob", mallory))
    assert number != safety_number(("alice", alice), ("bobby", bob))

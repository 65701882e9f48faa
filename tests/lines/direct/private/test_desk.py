"""What a user can do with contacts, and what is said about what can't be done."""

from pathlib import Path

import pytest

from hullo.lines.direct.private.desk import Change, Desk, DeskError
from hullo.lines.direct.private.errors import PrivateUnavailable
from hullo.lines.direct.private.invite import Invite, parse_invite
from hullo.lines.direct.private.opening import create_keys, open_private
from hullo.lines.direct.private.settings import DirectConfig
from tests.lines.direct.private.two import End, alice_and_bob
from tests.lines.direct.samples import ALICE, BOB


def desk(end: End) -> Desk:
    return Desk(end.own, lambda: end.sessions.keys.identity.public, end.book)


def test_an_invite_names_the_rendezvous_once_there_is_one(tmp_path: Path) -> None:
    config = DirectConfig(directory=tmp_path / "keys")
    create_keys(config, "alice", "laptop")
    with open_private(config) as private:
        assert private.desk.own.invite is None
        key = private.desk.own.key
    with open_private(config.model_copy(update={"rendezvous": ("wss://example.org/r",)})) as private:
        invite = private.desk.own.invite
        assert invite is not None
        assert parse_invite(invite) == Invite("alice", bytes.fromhex(key), ("wss://example.org/r",))


def test_a_contact_that_is_added_with_a_key_is_verified_and_both_see_the_same_number(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        at_alice, at_bob = desk(alice), desk(bob)
        assert at_alice.contacts()[0].safety_number is None
        (theirs,) = at_alice.change("bob", Change.ADD, at_bob.own.key)
        (ours,) = at_bob.change("alice", Change.ADD, at_alice.own.key)
        assert theirs.verified
        assert theirs.safety_number == ours.safety_number
        assert at_alice.change("bob", Change.UNVERIFY)[0].verified is False
        assert at_alice.change("bob", Change.VERIFY)[0].verified
        assert at_alice.change("bob", Change.BLOCK)[0].blocked
        assert not alice.book.may_ring("bob")
        assert at_alice.change("bob", Change.REMOVE) == []


async def test_a_changed_key_is_shown_and_taken_unverified(tmp_path: Path) -> None:
    with alice_and_bob(tmp_path) as (alice, bob):
        await bob.sessions.decrypt(ALICE, await alice.sessions.encrypt(BOB, b"hi", bob.bundle()))
        bob.book.accepts("alice", bytes(range(32)))
        before = desk(bob).contacts()[0]
        assert before.key_changed
        (after,) = desk(bob).change("alice", Change.TRUST)
        assert not after.key_changed
        assert not after.verified
        assert after.safety_number != before.safety_number


@pytest.mark.parametrize(
    ("person", "change", "key", "words"),
    [
        ("Not A Name", Change.ADD, None, "is no name"),
        ("alice", Change.ADD, None, "is you"),
        ("bob", Change.ADD, "12", "64 hex digits"),
        ("bob", Change.BLOCK, "12", "only given to add"),
        ("carol", Change.VERIFY, None, "hullo contacts add carol"),
        ("bob", Change.VERIFY, None, "no key of bob"),
        ("bob", Change.TRUST, None, "no other key"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, person: str, change: Change, key: str | None, words: str) -> None:
    with alice_and_bob(tmp_path) as (alice, _), pytest.raises(DeskError, match=words):
        desk(alice).change(person, change, key)


def test_keys_are_made_once_and_under_a_name(tmp_path: Path) -> None:
    config = DirectConfig(directory=tmp_path / "direct")
    with pytest.raises(ValueError, match="small ones"):
        create_keys(config, "Not A Name", "laptop")
    create_keys(config, "alice", "laptop")
    with pytest.raises(PrivateUnavailable, match="has keys already"):
        create_keys(config, "alice", "laptop")
    with open_private(config) as private:
        assert (private.desk.own.person, private.desk.own.device) == ("alice", "laptop")


@pytest.mark.parametrize(
    ("rendezvous", "words"),
    [
        (None, "rendezvous is missing"),
        ("https://example.org", "no address of a WebSocket"),
        ("ws://example.org/rendezvous", "use wss://"),
    ],
)
def test_a_rendezvous_that_cannot_be_used_is_said(rendezvous: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DirectConfig.model_validate({"enabled": True} | ({} if rendezvous is None else {"rendezvous": rendezvous}))
    one = DirectConfig.model_validate({"enabled": True, "rendezvous": "ws://127.0.0.1:8770/rendezvous"})
    assert one.rendezvous == ("ws://127.0.0.1:8770/rendezvous",)
    nodes = ["wss://one.example/rendezvous", "wss://two.example/rendezvous"]
    assert DirectConfig.model_validate({"enabled": True, "rendezvous": nodes}).rendezvous == tuple(nodes)

"""What is said of a message that did not arrive, and what happens to one that can't be read now but later."""

from pathlib import Path

import pytest

from hullo.lines.direct.channel import ChannelRefused, Device
from hullo.lines.direct.private import channel as private_channel
from hullo.lines.direct.private import own_keys
from hullo.lines.direct.private.vault import file_name
from hullo.rendezvous.directory import Directory
from hullo.rendezvous.keeping import Keeping
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Connection, Node
from hullo.rendezvous.wire import Fetch, Post, Refusal, Sent
from tests.lines.direct.rendezvous import Member, Town, town
from tests.lines.direct.samples import ALICE, BOB
from tests.rtc.test_connection import until

LAPTOP = Device("bob", "laptop")


class Forgetful(Node):
    """Says that devices are gone, or gives no keys of those that it names as further ones."""

    def __init__(self) -> None:
        super().__init__(LocalStore())
        self.gone: tuple[str, ...] = ()
        self.gives_keys = True

    async def _post(self, connection: Connection, sender: str, post: Post) -> None:
        if self.gone:
            connection.tell(Sent(post.sequence, gone=tuple(set(self.gone).intersection(post.envelopes))))
        else:
            await super()._post(connection, sender, post)

    async def _fetch(self, connection: Connection, fetch: Fetch) -> None:
        if self.gives_keys:
            await super()._fetch(connection, fetch)
        else:
            connection.tell(Refusal("rate", "too many requests", fetch.sequence))


def heard(member: Member) -> list[bytes]:
    """What comes to this device from now on."""
    messages: list[bytes] = []
    member.channel._on_message = lambda sender, data: messages.append(data)
    return messages


async def acquainted(here: Town) -> tuple[Member, Member]:
    alice, bob = await here.join(ALICE, "bob"), await here.join(BOB, "alice")
    messages = heard(bob)
    await alice.channel.send("bob", b"hello")
    await until(lambda: messages == [b"hello"])
    return alice, bob


@pytest.mark.parametrize("device", ["phone", None])
async def test_a_message_that_reaches_nobody_is_an_error(tmp_path: Path, device: str | None) -> None:
    node = Forgetful()
    async with town(tmp_path, node) as here:
        alice, _ = await acquainted(here)
        node.gone = ("phone",)
        with pytest.raises(ChannelRefused, match="no device of bob"):
            await alice.channel.send("bob", b"are you there?", device=device)


async def test_a_message_that_reaches_one_device_of_two_is_none(tmp_path: Path) -> None:
    node = Forgetful()
    async with town(tmp_path, node) as here:
        alice, bob = await acquainted(here)
        await here.join(LAPTOP, "alice", identity=bob.sessions.keys.identity)
        messages = heard(bob)
        node.gives_keys = False
        await alice.channel.send("bob", b"to the phone at least")
        await until(lambda: messages == [b"to the phone at least"])


async def test_a_letter_that_the_disk_refused_comes_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeping = Keeping(tmp_path / "kept")
    async with town(tmp_path, Node(LocalStore(), keeping=keeping)) as here:
        alice, bob = await acquainted(here)
        bob.channel.keeps_letters = True
        messages = heard(bob)
        obstacle = tmp_path / "bob-phone" / f"{file_name('session', str(ALICE))}.new"
        obstacle.mkdir()
        await alice.channel.post("bob", b"a letter")
        await until(lambda: "the disk refuses" in caplog.text)
        assert messages == [b"a letter"]
        messages.clear()
        obstacle.rmdir()
        socket = bob.channel._client._socket
        assert socket is not None
        await socket.close()
        await until(lambda: messages == [b"a letter"])  # once more, for nobody knows what became of it the first time
        await until(lambda: not [*(tmp_path / "kept" / "letters").glob("*/*")])


async def test_a_letter_that_the_disk_refused_is_taken_on_the_same_connection_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_channel, "DISK_RETRY", 0.02)
    async with town(tmp_path, Node(LocalStore(), keeping=Keeping(tmp_path / "kept"))) as here:
        alice, bob = await acquainted(here)
        bob.channel.keeps_letters = True
        refused: list[bytes] = []

        def full(sender: Device, data: bytes) -> None:
            refused.append(data)
            raise OSError(28, "No space left on device")

        bob.channel._on_message = full
        await alice.channel.post("bob", b"a letter")
        await until(lambda: refused[:2] == [b"a letter"] * 2)
        messages = heard(bob)
        await until(lambda: messages == [b"a letter"])
        await until(lambda: not [*(tmp_path / "kept" / "letters").glob("*/*")])


async def test_a_peer_that_used_a_prekey_that_is_lost_here_is_told_by_a_new_session(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice, bob = await here.join(ALICE, "bob"), await here.join(BOB, "alice")
        bob.sessions.keys._prekeys.rotate_signed_pre_key()
        bob.sessions.keys._prekeys.rotate_signed_pre_key()
        await alice.channel.send("bob", b"lost on you")
        await bob.notice("unknown-prekey")
        messages = heard(bob)
        await until(lambda: alice.sessions.current(BOB) == bob.sessions.current(ALICE))
        await alice.channel.send("bob", b"now you hear me")
        await until(lambda: messages == [b"now you hear me"])


async def test_keys_are_renewed_on_a_connection_that_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_channel, "LOOK_AT_KEYS_EVERY", 0.02)
    directory = Directory()
    async with town(tmp_path, Node(LocalStore(directory))) as here:
        await here.join(BOB)
        await until(lambda: directory.prekeys_left("bob", "phone") > 0)
        first = directory.bundle("bob", "phone")
        monkeypatch.setattr(own_keys, "ROTATE_AFTER", -1.0)
        await until(lambda: signed(directory) != (first and first.keys.signed_prekey))


def signed(directory: Directory) -> bytes | None:
    """Bob's signed prekey, as the rendezvous gives it out."""
    bundle = directory.bundle("bob", "phone")
    return None if bundle is None else bundle.keys.signed_prekey

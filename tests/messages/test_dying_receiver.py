"""A receiver that dies at any write to its disk around the arrival of a letter gets its message once, and no less."""

import itertools
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from hullo.lines.direct.letters import Letter, Receipt, VoiceMessage, encode_letter
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.channel import PrivateChannel
from hullo.lines.direct.private.control import encode_unread
from hullo.lines.direct.private.envelope import parse_envelope
from hullo.lines.direct.private.sessions import Sessions
from hullo.lines.direct.private.vault import Vault
from hullo.messages.direct.courier import DirectCourier
from hullo.messages.direct.letter_line import LetterLine
from hullo.messages.direct.posted import VOICE_MESSAGE, PostedLetter
from hullo.messages.jobs import keep, named_after
from hullo.messages.metadata import Delivery
from hullo.messages.store import MessageStore
from hullo.rendezvous.wire import Envelope
from tests.lines.direct.private.two import alice_and_bob
from tests.lines.direct.samples import ALICE, BOB
from tests.messages.dying import Died, dying
from tests.messages.posting import kept, some_sound
from tests.messages.test_envelope import ENVELOPE


def voice_message(number: int) -> VoiceMessage:
    return VoiceMessage(message_id=f"{number:016x}", file="f" * 43, envelope=ENVELOPE.encode(), sent_at=0)


class Receiver:
    """Bob's program, with what is on his disk; the rendezvous has brought it letters."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = MessageStore(root / "messages")
        self.taken: set[bytes] = set()
        """What the rendezvous need not keep any longer."""

    async def run(self, letters: Sequence[bytes]) -> None:
        """From its start until it has read the letters, or died."""
        with Vault(self.root / "bob-phone") as vault:
            book = ContactBook(vault)
            channel = PrivateChannel(["ws://127.0.0.1:1/rendezvous"], Sessions(vault, book), book)
            line = LetterLine(channel, book, lambda notice: None)
            courier = DirectCourier(line, channel, self.store, lambda event: None)
            line.on_letter, channel.keeps_letters = courier._arrived, True
            channel.on_unread = courier._posted.unread
            channel._on_message = line._arrived
            by_id = {f"{number:013d}-{number:016x}": data for number, data in enumerate(letters)}

            async def took(letter: str) -> None:
                self.taken.add(by_id[letter])

            channel._client.took = took  # type: ignore[method-assign]  # there is no rendezvous
            for letter, data in by_id.items():
                if data not in self.taken:
                    await channel._arrived(Envelope(ALICE.person, ALICE.device, data, 0.0, letter))

    async def survive(self, letters: Sequence[bytes], at: int) -> bool:
        """Die at that step, if it comes to it, and start again; whether it did."""
        with dying(at) as death, suppress(Died):
            await self.run(letters)
        await self.run(letters)
        return death.died

    @property
    def incoming(self) -> int:
        return len([*(self.store.folder / "incoming").glob("*.job")])


async def posted(tmp_path: Path, *letters: Letter, answered: bool) -> list[bytes]:
    """Letters to Bob, in a session that Alice begins with the first of them, or in one that he has answered in."""
    with alice_and_bob(tmp_path) as (alice, bob):
        bundle = bob.bundle()
        if answered:
            await bob.sessions.decrypt(ALICE, await alice.sessions.encrypt(BOB, b"\1hello", bundle))
            await alice.sessions.decrypt(BOB, await bob.sessions.encrypt(ALICE, b"\1hello"))
        messages = [b"\1" + encode_letter(letter) for letter in letters]
        first = await alice.sessions.encrypt(BOB, messages[0], None if answered else bundle)
        return [first, *[await alice.sessions.encrypt(BOB, message) for message in messages[1:]]]


@pytest.mark.parametrize("answered", [False, True], ids=["in a new session", "in one that goes on"])
async def test_wherever_it_dies_each_message_comes_once(tmp_path: Path, answered: bool) -> None:
    letters = await posted(tmp_path, voice_message(1), voice_message(2), answered=answered)
    for at in itertools.count():
        receiver = Receiver(_copy(tmp_path, at))
        died = await receiver.survive(letters[:1], at)
        assert receiver.taken == set(letters[:1]), f"died at {at}"
        assert receiver.incoming == 1, f"died at {at}"
        await receiver.run(letters)
        assert receiver.incoming == 2, f"died at {at}"
        _check_spent(receiver.root, letters[0])
        if not died:
            assert at > 5
            return


async def test_wherever_it_dies_a_receipt_is_noted(tmp_path: Path) -> None:
    message = kept(MessageStore(tmp_path / "messages"), some_sound(1000), "alice")
    assert message.metadata is not None
    letters = await posted(tmp_path, Receipt(message_id=message.metadata.id, kind="delivered"), answered=True)
    for at in itertools.count():
        receiver = Receiver(_copy(tmp_path, at))
        died = await receiver.survive(letters, at)
        found = receiver.store.by_id(message.metadata.id)
        assert found is not None
        assert found.metadata is not None
        assert found.metadata.delivery is Delivery.DELIVERED, f"died at {at}"
        assert receiver.taken == set(letters)
        if not died:
            return


async def test_a_letter_waits_while_the_disk_has_no_room_for_what_it_says(tmp_path: Path) -> None:
    letters = await posted(tmp_path, voice_message(1), answered=True)
    receiver = Receiver(tmp_path)
    receiver.store.folder.mkdir()
    obstacle = receiver.store.folder / "incoming"
    obstacle.touch()
    await receiver.run(letters)
    assert not receiver.taken
    obstacle.unlink()
    await receiver.run(letters)
    assert receiver.taken == set(letters)
    assert receiver.incoming == 1


async def test_a_receipt_waits_while_the_disk_has_no_room_for_it(tmp_path: Path) -> None:
    message = kept(MessageStore(tmp_path / "messages"), some_sound(1000), "alice")
    assert message.metadata is not None
    letters = await posted(tmp_path, Receipt(message_id=message.metadata.id, kind="heard"), answered=True)
    receiver = Receiver(tmp_path)
    with pytest.MonkeyPatch.context() as full:
        full.setattr("hullo.messages.metadata.save", _refuse)
        await receiver.run(letters)
    assert not receiver.taken
    await receiver.run(letters)
    assert receiver.taken == set(letters)


def _refuse(path: Path, described: object) -> None:
    raise OSError(28, "No space left on device")


def _copy(tmp_path: Path, number: int) -> Path:
    root = tmp_path / f"run{number}"
    root.mkdir()
    for name in ("bob-phone", "messages"):
        if (tmp_path / name).exists():
            shutil.copytree(tmp_path / name, root / name)
    return root


def _check_spent(root: Path, first: bytes) -> None:
    """The prekey that a session began with is gone, and it does not begin again."""
    agreement = parse_envelope(first).agreement
    if agreement is not None:
        with Vault(root / "bob-phone") as vault:
            keys = Sessions(vault, ContactBook(vault)).keys
            assert keys.has_begun(agreement)
            assert agreement.prekey not in keys._prekeys.bundle.pre_keys


async def test_wherever_a_sender_dies_who_is_asked_for_a_letter_it_posts_it_again(tmp_path: Path) -> None:
    """Bob has posted something that Alice could not read."""
    letter = PostedLetter(
        person=ALICE.person,
        device=ALICE.device,
        message_id="ab" * 8,
        kind=VOICE_MESSAGE,
        letter=encode_letter(voice_message(1)),
        identity=b"",
        again=False,
    )
    with alice_and_bob(tmp_path) as (alice, bob):
        asked = [await alice.sessions.encrypt(BOB, encode_unread([bytes(32)]), bob.bundle())]
        letter = msgspec.structs.replace(letter, identity=alice.sessions.keys.identity.public)
    folder = tmp_path / "messages" / "posted"
    keep(
        folder / named_after("alice") / f"{named_after('phone', 'ab' * 8, VOICE_MESSAGE)}.{bytes(32).hex()}.job", letter
    )
    for at in itertools.count():
        receiver = Receiver(_copy(tmp_path, at))
        died = await receiver.survive(asked, at)
        assert receiver.taken == set(asked)
        posted = receiver.store.folder / "posted"
        (job,) = (posted / "again").glob("*.job")
        assert msgspec.json.decode(job.read_bytes(), type=PostedLetter).again
        assert not [*(posted / named_after("alice")).glob("*.job")], f"died at {at}"
        if not died:
            return

"""Voice messages through a rendezvous that breaks connections, and one that meddles with what it keeps.

They arrive whole, or not at all and with one clear error; its disk tells nothing.
"""

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from hullo.messages.direct.sending import OutgoingJob
from hullo.messages.envelope import CHUNK_BYTES, VoiceMessageEnvelope
from hullo.messages.events import Came, NotReceived, Received
from hullo.messages.metadata import Delivery
from hullo.rendezvous.files import FileHandlers
from hullo.rendezvous.storage import Storage, StorageLimits
from tests.lines.direct.samples import ALICE, BOB
from tests.messages.posting import Desk, breaking_way, office, some_sound
from tests.messages.test_sealed import Middleman, flips, replays, truncates
from tests.rtc.test_connection import until

Answer = Callable[[int, bytes], bytes]
"""Takes the position of the first byte that was asked for and what would be right, and gives what is sent."""


class MeddlingFiles(FileHandlers):
    """Gives something else than what was laid down."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.answer: Answer = lambda _begin, data: data
        self.asked = 0

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        begin, end = (int(number) for number in request.headers["Range"].removeprefix("bytes=").split("-"))
        data = self._found(request).path.read_bytes()
        right = data[begin : end + 1]
        headers = {"Content-Range": f"bytes {begin}-{end}/{len(data)}"}
        return web.Response(status=206, body=self.answer(begin, right), headers=headers)


def by_chunk(middleman: Middleman) -> Answer:
    """Meddles with each chunk by itself."""

    def answer(begin: int, data: bytes) -> bytes:
        chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        return b"".join(middleman(begin // CHUNK_BYTES + at, chunk) for at, chunk in enumerate(chunks))

    return answer


def reorders(rng: random.Random) -> Answer:
    """Gives the chunks that were asked for in another order, now and then."""

    def answer(_begin: int, data: bytes) -> bytes:
        chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        if rng.random() < 0.3:
            rng.shuffle(chunks)
        return b"".join(chunks)

    return answer


def cuts(rng: random.Random) -> Answer:
    """Gives less than was asked for."""
    return lambda _begin, data: data[: rng.randrange(len(data) + 1)]


async def whole_message(desk: Desk, received: Received) -> bytes:
    """What arrived; soon nothing else is left of it."""
    await until(lambda: not any((desk.store.folder / "incoming").iterdir()))
    return received.message.path.read_bytes()


async def test_over_connections_that_break_every_200_kb_it_arrives_whole(tmp_path: Path) -> None:
    sound = some_sound()
    async with (
        office(tmp_path) as here,
        breaking_way(here.port, 200_000) as way,
        here.desk(BOB, "alice", url=way.url) as bob,
        here.desk(ALICE, "bob", url=way.url) as alice,
    ):
        await here.known(BOB)
        message = await alice.send(sound, "bob")
        received = await bob.event(Received)
        assert isinstance(received, Received)
        assert await whole_message(bob, received) == sound
        known = received.message.metadata
        assert known is not None
        sent = await alice.came(message, Delivery.DELIVERED)
        assert (known.duration, known.waveform, known.peer) == (sent.duration, sent.waveform, "alice")
        assert len(bob.events) == 1
        assert way.breaks >= 2 * len(sound) // 200_000
        for desk in (alice, bob):
            steps = [step.received for step in desk.progress]
            assert steps[-1] == desk.progress[-1].size
            assert len(steps) > 5
        assert [step.received for step in bob.progress] == sorted(step.received for step in bob.progress)


@pytest.mark.parametrize(
    "meddles",
    [
        lambda rng: by_chunk(flips(rng, 0.2)),
        lambda rng: by_chunk(truncates(rng, 0.2)),
        lambda rng: by_chunk(replays(rng)),
        reorders,
        cuts,
    ],
    ids=["flips", "truncates", "replays", "reorders", "cuts"],
)
@pytest.mark.parametrize("seed", range(3))
async def test_from_one_who_meddles_it_arrives_whole_or_with_one_error(
    tmp_path: Path, meddles: Callable[[random.Random], Answer], seed: int
) -> None:
    sound = some_sound(300_000)
    files: list[MeddlingFiles] = []

    def make(storage: Storage) -> FileHandlers:
        files.append(MeddlingFiles(storage))
        files[0].answer = meddles(random.Random(seed))
        return files[0]

    async with (
        office(tmp_path, make_files=make) as here,
        here.desk(BOB, "alice") as bob,
        here.desk(ALICE, "bob") as alice,
    ):
        message = await alice.send(sound, "bob")
        await alice.came(message, Delivery.SENT)
        event = await bob.event((Received, NotReceived))  # type: ignore[arg-type]  # either
        if isinstance(event, Received):
            assert await whole_message(bob, event) == sound
        else:
            assert isinstance(event, NotReceived)
            assert "16 chunks were not what was sent" in event.detail
            assert bob.store.messages() == []
        assert len(bob.events) == 1
        assert files[0].asked < 100


async def test_a_message_swapped_for_another_is_one_error_and_the_next_one_arrives(tmp_path: Path) -> None:
    files: list[MeddlingFiles] = []

    def make(storage: Storage) -> FileHandlers:
        files.append(MeddlingFiles(storage))
        return files[0]

    async with (
        office(tmp_path, make_files=make) as here,
        here.desk(BOB, "alice") as bob,
        here.desk(ALICE, "bob") as alice,
    ):
        await alice.send(some_sound(200_000, 1), "bob")
        await bob.event(Received)
        first = next((here.folder / "files").iterdir()).read_bytes()
        files[0].answer = lambda begin, data: first[begin : begin + len(data)]
        await alice.send(some_sound(200_001, 2), "bob")
        lost = await bob.event(NotReceived)
        assert isinstance(lost, NotReceived)
        assert "not what was sent" in lost.detail
        files[0].answer = lambda _begin, data: data
        await alice.send(some_sound(200_002, 3), "bob")
        received = await bob.event(Received, 2)
        assert isinstance(received, Received)
        assert received.message.path.read_bytes() == some_sound(200_002, 3)
        assert len(bob.store.messages()) == 2


async def test_the_disk_of_the_rendezvous_tells_nothing(tmp_path: Path) -> None:
    sound = some_sound(200_000)
    async with office(tmp_path) as here:
        await here.introduce(BOB, "alice")
        async with here.desk(ALICE, "bob") as alice:
            message = await alice.send(sound, "bob")
            job = next(alice.store.folder.rglob("*.job")).read_bytes()
            known = await alice.came(message, Delivery.SENT)
        disk = b"".join(
            path.name.encode() + b"\n" + path.read_bytes() for path in here.folder.rglob("*") if path.is_file()
        )
        assert len(disk) > len(sound)
        assert len([*(here.folder / "letters").rglob("*.*")]) == 1
    envelope = VoiceMessageEnvelope.decode(_envelope_of(job))
    secrets = [b"OggS", b"hullo", envelope.key, envelope.digest, envelope.waveform, known.id.encode(), b"alice", b"bob"]
    for secret in (*secrets, envelope.key.hex().encode(), b"voice-message", str(envelope.duration).encode()):
        assert secret not in disk
    assert not any(sound[at : at + 12] in disk for at in range(0, len(sound) - 12, 500))


def _envelope_of(job: bytes) -> bytes:
    return msgspec.json.decode(job, type=OutgoingJob).envelope


async def test_quota_is_told_to_who_sends_and_room_comes_back(tmp_path: Path) -> None:
    limits = StorageLimits(file=150_000, device=250_000, total=10_000_000)
    async with (
        office(tmp_path, limits=limits) as here,
        here.desk(BOB, "alice") as bob,
        here.desk(ALICE, "bob") as alice,
    ):
        too_long = await alice.send(some_sound(200_000), "bob")
        assert "at most 150000 are kept" in str((await alice.came(too_long, Delivery.FAILED)).problem)
        fits = [await alice.send(some_sound(100_000 + n), "bob") for n in range(2)]
        for message in fits:
            await alice.came(message, Delivery.DELIVERED)
        over = await alice.send(some_sound(100_005), "bob")
        problem = (await alice.came(over, Delivery.FAILED)).problem
        assert "stored of the 250000 allowed" in str(problem)
        failed = [event for event in alice.events if isinstance(event, Came) and event.delivery is Delivery.FAILED]
        assert len(failed) == 2
        assert len(bob.store.messages()) == 2


async def test_what_has_expired_is_one_clear_error(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await here.introduce(BOB, "alice")
        async with here.desk(ALICE, "bob") as alice:
            await alice.came(await alice.send(some_sound(100_000), "bob"), Delivery.SENT)
        next((here.folder / "files").iterdir()).unlink()
        async with here.desk(BOB, "alice") as bob:
            lost = await bob.event(NotReceived)
            assert isinstance(lost, NotReceived)
            assert "does not have the file (any more)" in lost.detail
            assert bob.store.messages() == []

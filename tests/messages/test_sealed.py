"""A message from one folder to another, through a middleman who is not to be trusted."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hullo.messages.envelope import CHUNK_BYTES, VoiceMessageEnvelope
from hullo.messages.errors import MessageError, SealBroken, TransferFailed
from hullo.messages.metadata import VoiceMessageMetadata
from hullo.messages.sealed import IncomingFile, open_sealed, read_chunk, seal
from hullo.messages.transfer import MAX_REFUSED, IncomingTransfer

Note = tuple[Path, VoiceMessageMetadata, Path, VoiceMessageEnvelope]


@pytest.fixture(scope="module")
def note(tmp_path_factory: pytest.TempPathFactory) -> Note:
    """A message of six chunks: the file, its metadata, the sealed file, its envelope."""
    folder = tmp_path_factory.mktemp("sent")
    path = folder / "note.ogg"
    path.write_bytes(b"OggS and hullo" + random.Random(1).randbytes(180_000))
    metadata = VoiceMessageMetadata(
        id="6b1f09d2",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        duration=60.0,
        size=180_014,
        waveform=random.Random(2).randbytes(63),
        bitrate=24_000,
    )
    envelope = seal(path, metadata, folder / "sealed")
    assert envelope.chunks == 6
    return path, metadata, folder / "sealed", VoiceMessageEnvelope.decode(envelope.encode())


def test_what_lies_with_the_middleman_tells_nothing(note: Note) -> None:
    path, metadata, sealed, envelope = note
    stored = sealed.read_bytes()
    plain = path.read_bytes()
    for secret in (b"OggS", b"Opus", b"hullo", envelope.key, metadata.waveform, metadata.id.encode()):
        assert secret not in stored
    assert not any(plain[at : at + 12] in stored for at in range(0, len(plain) - 12, 500))
    assert sealed.stat().st_mode & 0o777 == 0o600


Middleman = Callable[[int, bytes], bytes]


def fetched(incoming: IncomingFile, sealed: Path, middleman: Middleman, lose_after: int | None = None) -> int:
    """Fetch all of it over as many connections as it takes, and tell how many."""
    connections, now, carried = 1, 0.0, 0
    while not incoming.transfer.done:
        asked = incoming.transfer.requests(now)
        assert len(asked) <= 8
        for index in asked:
            carried += CHUNK_BYTES
            if lose_after is not None and carried > lose_after:
                incoming.transfer.connection_lost()
                connections, carried = connections + 1, 0
                break
            data = middleman(index, read_chunk(sealed, index))
            if data:
                incoming.put(index, data)
        now += 4.0
    return connections


def honest(_index: int, data: bytes) -> bytes:
    return data


def test_it_arrives_whole_over_connections_that_break(note: Note, tmp_path: Path) -> None:
    path, _, sealed, envelope = note
    incoming = IncomingFile(tmp_path / "incoming", envelope)
    assert fetched(incoming, sealed, honest, lose_after=2 * CHUNK_BYTES) >= 3
    incoming.close()
    open_sealed(tmp_path / "incoming", envelope, tmp_path / "note.ogg")
    assert (tmp_path / "note.ogg").read_bytes() == path.read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["incoming", "note.ogg"]


def test_a_new_start_goes_on_where_the_last_one_stopped(note: Note, tmp_path: Path) -> None:
    _, _, sealed, envelope = note
    first = IncomingFile(tmp_path / "incoming", envelope)
    for index in (0, 3):
        assert first.put(index, read_chunk(sealed, index))
    assert first.transfer.received == 2 * CHUNK_BYTES
    first.close()
    data = bytearray((tmp_path / "incoming").read_bytes())
    data[3 * CHUNK_BYTES + 5] ^= 1  # and the disk lost a bit meanwhile
    (tmp_path / "incoming").write_bytes(bytes(data) + b"too much")
    again = IncomingFile(tmp_path / "incoming", envelope)
    assert again.transfer.received == CHUNK_BYTES
    assert 0 not in again.transfer.requests(0.0)
    fetched(again, sealed, honest)
    again.close()
    assert (tmp_path / "incoming").read_bytes() == sealed.read_bytes()


def flips(rng: random.Random, share: float = 0.4) -> Middleman:
    def change(_index: int, data: bytes) -> bytes:
        if rng.random() < share:
            at = rng.randrange(len(data))
            return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
        return data

    return change


def truncates(rng: random.Random, share: float = 0.4) -> Middleman:
    return lambda _index, data: data[: rng.randrange(len(data))] if rng.random() < share else data


def loses(rng: random.Random) -> Middleman:
    return lambda _index, data: b"" if rng.random() < 0.4 else data


def replays(rng: random.Random) -> Middleman:
    seen: list[bytes] = []

    def change(_index: int, data: bytes) -> bytes:
        seen.append(data)
        return rng.choice(seen)

    return change


@pytest.mark.parametrize("kind", [flips, truncates, loses, replays])
@pytest.mark.parametrize("seed", range(5))
def test_from_a_middleman_who_meddles_it_arrives_whole_or_not_at_all(
    note: Note, tmp_path: Path, kind: Callable[[random.Random], Middleman], seed: int
) -> None:
    path, _, sealed, envelope = note
    incoming = IncomingFile(tmp_path / "incoming", envelope)
    try:
        fetched(incoming, sealed, kind(random.Random(seed)), lose_after=200_000)
    except TransferFailed as error:
        assert f"{MAX_REFUSED} chunks were not what was sent" in str(error)  # noqa: PT017
        with pytest.raises(SealBroken):
            open_sealed(tmp_path / "incoming", envelope, tmp_path / "note.ogg")
        assert not (tmp_path / "note.ogg").exists()
    else:
        open_sealed(tmp_path / "incoming", envelope, tmp_path / "note.ogg")
        assert (tmp_path / "note.ogg").read_bytes() == path.read_bytes()
    finally:
        incoming.close()


def test_a_middleman_who_swaps_all_chunks_is_given_up(note: Note, tmp_path: Path) -> None:
    _, _, sealed, envelope = note
    incoming = IncomingFile(tmp_path / "incoming", envelope)
    with pytest.raises(TransferFailed, match="not what was sent"):
        fetched(incoming, sealed, lambda index, _: read_chunk(sealed, (index + 1) % envelope.chunks))
    assert incoming.transfer.received == 0
    incoming.close()


def test_another_message_is_not_taken_for_it(note: Note, tmp_path: Path) -> None:
    path, metadata, _, envelope = note
    other = seal(path, metadata, tmp_path / "other")
    assert other.key != envelope.key
    with pytest.raises(SealBroken, match="chunk 0 is not what was sealed"):
        open_sealed(tmp_path / "other", envelope, tmp_path / "note.ogg")
    assert not (tmp_path / "note.ogg").exists()


def test_chunks_that_do_not_come_are_asked_for_again(note: Note) -> None:
    envelope = note[3]
    transfer = IncomingTransfer(envelope, window=2, patience=5.0)
    assert transfer.requests(0.0) == [0, 1]
    assert transfer.requests(1.0) == []
    assert transfer.accept(1, read_chunk(note[2], 1))
    assert transfer.requests(2.0) == [2]
    assert transfer.requests(5.0) == [0]
    transfer.connection_lost()
    assert transfer.requests(5.1) == [0, 2]
    assert not transfer.accept(1, b"again")
    assert not transfer.accept(-1, b"")
    assert not transfer.accept(envelope.chunks, b"")


def test_a_disk_that_refuses_is_a_clear_error(note: Note, tmp_path: Path) -> None:
    path, metadata, sealed, envelope = note
    with pytest.raises(MessageError, match="can't be sealed: no such file"):
        seal(path, metadata, tmp_path / "missing" / "sealed")
    with pytest.raises(MessageError, match="can't be written: no such file"):
        open_sealed(sealed, envelope, tmp_path / "missing" / "note.ogg")
    with pytest.raises(MessageError, match="can't be written: is a directory"):
        IncomingFile(tmp_path, envelope)

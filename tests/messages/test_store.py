import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hullo.media.oggopus import OggOpusReader, OggOpusWriter, OpusHead, OpusTags
from hullo.messages.encoder import MessageEncoder
from hullo.messages.errors import MessageError
from hullo.messages.metadata import load, save, sidecar
from hullo.messages.recorder import VoiceMessageRecorder
from hullo.messages.store import Condition, MessageStore, Recovered, recover
from tests.messages.sounds import record, sound_in, sweep

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> MessageStore:
    return MessageStore(tmp_path / "messages")


def kept(store: MessageStore, minute: int, seconds: float = 0.3) -> Path:
    path = store.new_path(NOON + timedelta(minutes=minute))
    record(path, sweep(seconds)).stop()
    return path


def torn(store: MessageStore, minute: int, seconds: float, rest: bytes = b"") -> Path:
    """What a killed recorder leaves."""
    path = store.new_path(NOON + timedelta(minutes=minute))
    encoder = MessageEncoder(serial=5)
    path.write_bytes(encoder.begin() + encoder.feed(sweep(seconds)) + encoder.flush() + rest)
    return path


def test_messages_come_in_the_order_they_began(store: MessageStore) -> None:
    paths = [kept(store, minute) for minute in (3, 1, 2)]
    assert [one.path for one in store.messages()] == [paths[1], paths[2], paths[0]]
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert store.find("last").path == paths[0]
    assert store.find("20260501-1201").path == paths[1]
    metadata = load(paths[2])
    assert metadata is not None
    assert store.find(metadata.id).path == paths[2]


def test_a_message_that_is_removed_while_they_are_listed_is_left_out(store: MessageStore) -> None:
    there = kept(store, 1)
    (store.folder / "20260501-120200-gone.ogg").symlink_to(store.folder / "nowhere")  # listed, and not to be opened
    assert [one.path for one in store.messages()] == [there]
    assert store.find("last").path == there


@pytest.mark.parametrize(
    ("name", "says"), [("pigeon", "no message begins with 'pigeon'"), ("2026", "2 messages begin")]
)
def test_a_name_that_means_nothing_or_too_much(store: MessageStore, name: str, says: str) -> None:
    kept(store, 1)
    kept(store, 2)
    with pytest.raises(MessageError, match=says):
        store.find(name)


def test_an_empty_folder_and_none(store: MessageStore) -> None:
    assert store.messages() == []
    assert store.next_unheard() is None
    with pytest.raises(MessageError, match="no message begins with 'last'"):
        store.find("last")


def test_the_next_unheard_message_is_the_oldest_that_nobody_heard(store: MessageStore) -> None:
    first, second, third = (kept(store, minute) for minute in (1, 2, 3))
    store.mark_heard(store.find(second.name))
    found = store.next_unheard()
    assert found is not None
    assert found.path == first
    after = store.next_unheard(first)
    assert after is not None
    assert after.path == third
    assert store.next_unheard(third) is None


def test_a_message_that_is_being_recorded_is_told_and_left_alone(store: MessageStore) -> None:
    path = store.new_path(NOON)
    recorder = VoiceMessageRecorder(path)
    assert [one.condition for one in store.messages()] == [Condition.RECORDING]
    assert list(store.recover()) == []
    with pytest.raises(MessageError, match="is being recorded"):
        recover(path)
    recorder.write(sweep(0.2))
    recorder.stop()
    assert [one.condition for one in store.messages()] == [Condition.FINISHED]


@pytest.mark.parametrize("rest", [b"", b"OggS\0\0torn", bytes(300)])
def test_an_unfinished_message_is_finished_once(store: MessageStore, rest: bytes) -> None:
    kept(store, 1)
    path = torn(store, 2, seconds=1.5, rest=rest)
    [_, found] = store.messages()
    assert found.condition is Condition.UNFINISHED
    [recovered] = store.recover()
    assert recovered.path == path
    assert recovered.metadata is not None
    assert recovered.metadata.recovered
    assert recovered.metadata.duration == pytest.approx(1.5, abs=0.03)
    assert recovered.metadata.size == path.stat().st_size
    assert min(recovered.metadata.levels) > 0
    assert len(sound_in(path)) == round(recovered.metadata.duration * 48_000)
    assert list(store.recover()) == []
    assert [one.condition for one in store.messages()] == [Condition.FINISHED] * 2


@pytest.mark.parametrize("size", [0, 3, 30, 47, 96])
def test_a_recorder_killed_before_its_first_page_leaves_nothing(store: MessageStore, size: int) -> None:
    path = store.new_path(NOON)
    path.write_bytes(OggOpusWriter(OpusHead(pre_skip=312), OpusTags("hullo"), serial=1).begin()[:size])
    assert list(store.recover()) == [Recovered(path=path, metadata=None)]
    assert not path.exists()


@pytest.mark.parametrize("content", [b"shopping list", b"OggS" + bytes(500), bytes(5000)])
def test_a_file_of_somebody_else_is_never_removed(store: MessageStore, content: bytes) -> None:
    path = store.new_path(NOON)
    path.write_bytes(content)
    torn(store, 5, seconds=1.0)
    refused, recovered = store.recover()
    assert refused == Recovered(path=path, metadata=None, problem=f"{path} can't be recovered: it holds no Ogg Opus")
    assert recovered.metadata is not None
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", ["{}", "", "[1, 2", '{"id": 5}'])
def test_metadata_that_can_not_be_read_are_made_again(store: MessageStore, content: str) -> None:
    kept(store, 1)
    path = kept(store, 2)
    before = load(path)
    assert before is not None
    sidecar(path).write_text(content)
    with pytest.raises(MessageError, match="holds no metadata of a voice message"):
        load(path)
    assert [one.condition for one in store.messages()] == [Condition.FINISHED, Condition.UNFINISHED]
    [recovered] = store.recover()
    assert recovered.metadata is not None
    assert (recovered.metadata.duration, recovered.metadata.size) == (before.duration, before.size)
    assert load(path) == recovered.metadata


def test_metadata_are_written_whole_or_not_at_all(store: MessageStore) -> None:
    path = kept(store, 1)
    before = load(path)
    assert before is not None
    sidecar(path).unlink()
    sidecar(path).mkdir()  # so that it can't be replaced
    with pytest.raises(OSError, match="irectory"):
        save(path, before)
    assert sorted(one.suffix for one in store.folder.iterdir()) == [".json", ".ogg"]


@pytest.mark.parametrize("granule", [2**63 - 1, 2**62, -(2**63), -2])
def test_a_page_that_says_it_ends_beyond_all_time_is_left_out(store: MessageStore, granule: int) -> None:
    whole = torn(store, 1, 1.0)
    page = list(OggOpusReader().feed(whole.read_bytes()))[-1].page
    strange = dataclasses.replace(page, sequence=page.sequence + 1, granule=granule)
    path = torn(store, 2, 1.0, strange.encode())
    assert recover(path).metadata is not None
    assert load(path) is not None
    assert recover(whole).metadata is not None
    assert path.stat().st_size == whole.stat().st_size

import contextlib
import dataclasses
import functools
import io
import itertools

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media.ogg import OggError, PageReader, page_of
from hullo.media.oggopus import (
    MAX_TAGS,
    NotOpus,
    OggOpusReader,
    OggOpusWriter,
    OpusHead,
    OpusPage,
    OpusTags,
    cut_page,
)
from hullo.media.opus import OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm

TAGS = OpusTags("tests", {"TITLE": "a tone"})


def sweep(samples: int) -> Pcm:
    time = np.arange(samples) / SAMPLE_RATE
    return (9000 * np.sin(2 * np.pi * (200 + 700 * time) * time)).astype(np.int16)


@functools.cache
def packets_of(samples: int) -> tuple[list[bytes], int]:
    """Packets that hold that much and the encoder's delay, and the delay."""
    encoder = OpusEncoder(bitrate=24_000, fec=False)
    count = -(-(samples + encoder.lookahead) // FRAME_SAMPLES)
    padded = np.zeros(count * FRAME_SAMPLES, np.int16)
    padded[:samples] = sweep(samples)
    return [encoder.encode(frame) for frame in padded.reshape(-1, FRAME_SAMPLES)], encoder.lookahead


@functools.cache
def stream(samples: int, page_samples: int = SAMPLE_RATE // 2) -> bytes:
    packets, pre_skip = packets_of(samples)
    writer = OggOpusWriter(OpusHead(pre_skip=pre_skip), TAGS, serial=99, page_samples=page_samples)
    return writer.begin() + b"".join(map(writer.add, packets)) + writer.end(samples)


def pages_of(data: bytes, step: int | None = None) -> tuple[OggOpusReader, list[OpusPage]]:
    reader = OggOpusReader()
    step = step or max(len(data), 1)
    found = [page for at in range(0, len(data), step) for page in reader.feed(data[at : at + step])]
    return reader, [*found, *reader.finish()]


def by_pyav(data: bytes) -> Pcm:
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return (np.concatenate(frames) * 32767).astype(np.int16)


@pytest.mark.parametrize("samples", [1, 648, 649, 960, 48_000, 48_001, 100_000])
def test_pyav_decodes_exactly_the_samples_that_were_encoded(samples: int) -> None:
    heard = by_pyav(stream(samples))
    assert len(heard) == samples
    if samples >= 48_000:
        said = sweep(samples)[9600:-9600]
        alike = [np.corrcoef(said, heard[9600 + late :][: len(said)])[0, 1] for late in range(-20, 21)]
        assert abs(np.argmax(alike) - 20) <= 2


def test_a_page_never_holds_more_than_asked_for() -> None:
    _, pages = pages_of(stream(3 * SAMPLE_RATE, page_samples=SAMPLE_RATE // 4))
    assert len(pages) == 13
    assert all(page.samples <= SAMPLE_RATE // 4 for page in pages)


@given(st.integers(1, 30_000), st.integers(1, 900))
def test_what_was_written_is_read(samples: int, step: int) -> None:
    data = stream(samples, page_samples=4800)
    reader, pages = pages_of(data, step)
    assert reader.head is not None
    assert reader.tags == TAGS
    assert reader.ended
    assert reader.skipped == 0
    assert pages[0].begin == -reader.head.pre_skip
    assert pages[-1].end == samples
    assert [page.begin for page in pages[1:]] == [page.end for page in pages[:-1]]
    assert [packet for page in pages for packet in page.packets] == packets_of(samples)[0]
    assert all(data[page.offset :].startswith(page.page.encode()) for page in pages)


def test_a_page_that_is_gone_is_told_by_its_length() -> None:
    data = stream(SAMPLE_RATE, page_samples=4800)
    _, pages = pages_of(data)
    gone = pages[3]
    size = len(gone.page.encode())
    _, left = pages_of(data[: gone.offset] + data[gone.offset + size :])
    assert [page.missing for page in left] == [0, 0, 0, 4800, *[0] * (len(left) - 4)]
    assert [page.begin for page in left] == [page.begin for page in pages if page is not gone]


@given(st.data())
def test_a_stream_cut_anywhere_plays_to_its_last_whole_page(data: st.DataObject) -> None:
    written = stream(SAMPLE_RATE, page_samples=4800)
    _, whole = pages_of(written)
    cut = data.draw(st.integers(whole[0].offset, len(written)))
    reader, left = pages_of(written[:cut])
    ends = [page.offset + len(page.page.encode()) for page in whole]
    assert [page.begin for page in left] == [page.begin for page, end in zip(whole, ends, strict=True) if end <= cut]
    assert reader.ended == (cut == len(written))


@given(st.data())
def test_damage_never_makes_sound_that_was_not_there(data: st.DataObject) -> None:
    written = bytearray(stream(SAMPLE_RATE // 2, page_samples=4800))
    said = set(packets_of(SAMPLE_RATE // 2)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(written) - 1))
        written[at] ^= data.draw(st.integers(1, 255))
    try:
        _, pages = pages_of(bytes(written), data.draw(st.integers(1, 5000)))
    except OggError:
        return
    assert {packet for page in pages for packet in page.packets} <= said


@given(st.lists(st.one_of(st.binary(max_size=200), st.just(stream(960)), st.just(b"OggS")), max_size=5))
def test_any_bytes_are_an_opus_stream_or_a_clear_error(parts: list[bytes]) -> None:
    with contextlib.suppress(NotOpus):
        _, pages = pages_of(b"".join(parts))
        assert {page.packets for page in pages} <= {page.packets for page in pages_of(stream(960))[1]}


@given(st.binary(max_size=120))
def test_any_comment_header_is_read_as_far_as_it_goes(rest: bytes) -> None:
    tags = OpusTags.decode(b"OpusTags" + rest)
    assert all(name for name in tags.comments)


@given(
    st.text(max_size=9), st.dictionaries(st.text("ABCXYZ_", min_size=1, max_size=5), st.text(max_size=9), max_size=4)
)
def test_comments_come_back(vendor: str, comments: dict[str, str]) -> None:
    assert OpusTags.decode(OpusTags(vendor, comments).encode()) == OpusTags(vendor, comments)


def test_comments_that_are_too_long_are_refused() -> None:
    with pytest.raises(OggError, match="at most"):
        OpusTags("", {"PICTURE": "x" * MAX_TAGS}).encode()


def test_a_huge_comment_header_of_others_is_read_in_part_and_does_no_harm() -> None:
    data = stream(960)
    long = OpusTags("theirs", {"TITLE": "seen"}).encode()[:-4] + b"seen" + bytes(200_000)
    packets, pre_skip = packets_of(960)
    pages = [page_of([OpusHead(pre_skip=pre_skip).encode()], serial=1, sequence=0, granule=0, first=True)]
    blocks = [long[at : at + 255 * 255] for at in range(0, len(long), 255 * 255)]
    for number, block in enumerate(blocks, 1):
        lacing = page_of([block], serial=1, sequence=0, granule=0).lacing if number == len(blocks) else b"\xff" * 255
        bare = page_of([], serial=1, sequence=number, granule=-1)
        pages.append(dataclasses.replace(bare, lacing=lacing, body=block, continued=number > 1))
    pages.append(page_of(packets, serial=1, sequence=len(pages), granule=960 + pre_skip, last=True))
    reader, found = pages_of(b"".join(page.encode() for page in pages))
    assert reader.tags is not None
    assert reader.tags.comments["TITLE"] == "seen"
    assert found[0].packets == pages_of(data)[1][0].packets


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (dataclasses.replace(OpusHead(pre_skip=312), channels=6).encode(), "6 channels"),
        (OpusHead(pre_skip=312).encode()[:8] + b"\x10" + OpusHead(pre_skip=312).encode()[9:], "newer"),
        (b"OpusHead", "no Opus header"),
        (b"\x01vorbis", "no Opus stream"),
    ],
)
def test_a_stream_that_cannot_be_decoded_here_says_why(head: bytes, says: str) -> None:
    pages = [
        page_of([head], serial=1, sequence=0, granule=0, first=True),
        page_of([b"x"], serial=1, sequence=1, granule=0),
    ]
    with pytest.raises(NotOpus, match=says):
        pages_of(b"".join(page.encode() for page in pages))


def test_another_stream_between_the_pages_is_left_out() -> None:
    ours = [page.encode() for _, page in PageReader().feed(stream(SAMPLE_RATE, page_samples=4800))]
    theirs = [page_of([b"other"], serial=5, sequence=n, granule=n).encode() for n in range(len(ours))]
    mixed = b"".join(itertools.chain(*zip(ours, theirs, strict=True)))
    reader, pages = pages_of(mixed)
    assert (pages[-1].end, reader.ended) == (SAMPLE_RATE, True)


@given(st.integers(0, 47_999))
def test_a_stream_cut_at_any_sample_ends_there(end: int) -> None:
    data = stream(SAMPLE_RATE)
    _, pages = pages_of(data)
    page = next(page for page in pages if page.end > end)
    shorter = data[: page.offset] + cut_page(page, end).encode()
    _, left = pages_of(shorter)
    assert left[-1].last
    assert left[-1].end == end


@pytest.mark.parametrize("end", [1, 5000, 23_999, 24_000, 24_001, 47_999])
def test_pyav_finds_the_same_end(end: int) -> None:
    data = stream(SAMPLE_RATE)
    page = next(page for page in pages_of(data)[1] if page.end > end)
    assert len(by_pyav(data[: page.offset] + cut_page(page, end).encode())) == end


def test_a_stream_can_only_end_in_its_last_packets() -> None:
    writer = OggOpusWriter(OpusHead(pre_skip=312), TAGS, serial=1)
    with pytest.raises(OggError, match="can't end"):
        writer.end(0)
    packets, _ = packets_of(9600)
    for packet in packets:
        writer.add(packet)
    with pytest.raises(OggError, match="can't end"):
        writer.end(20_000)

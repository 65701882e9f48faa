import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.brain.sse import EventStreamParser


def test_events_end_with_a_blank_line_and_comments_are_nothing() -> None:
    parser = EventStreamParser()
    assert parser.feed(b": hello\n\ndata: one\ndata:two\nid: 3\n\nevent: x\n\ndata: thr") == ["one\ntwo"]
    assert parser.feed(b"ee\r\n\r") == []
    assert parser.feed(b"\ndata: four\r\r\n") == ["three", "four"]


def test_an_event_without_end_is_refused() -> None:
    parser = EventStreamParser()
    parser.feed(b"data: " + b"x" * 1_000_000)
    with pytest.raises(ValueError, match="1 MiB"):
        parser.feed(b"x" * 100_000)


@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=3), max_size=5), st.data())
def test_cut_anywhere_it_gives_the_same(values: list[dict[str, str]], data: st.DataObject) -> None:
    sent = b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
    parser, found = EventStreamParser(), []
    while sent:
        cut = data.draw(st.integers(1, len(sent)))
        found += parser.feed(sent[:cut])
        sent = sent[cut:]
    assert [json.loads(one) for one in found] == values


@given(st.binary(max_size=300))
def test_garbage_does_nothing(garbage: bytes) -> None:
    EventStreamParser().feed(garbage)

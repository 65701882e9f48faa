"""Call messages over the wire: whole, from the future, damaged, and made up."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct.messages import (
    MAX_MESSAGE,
    Answer,
    AnsweredElsewhere,
    AnyMessage,
    Busy,
    Candidates,
    Decline,
    Hangup,
    MediaReady,
    MessageError,
    Mute,
    MuteSeen,
    Offer,
    Restart,
    RestartAnswer,
    Ringing,
    Select,
    UnknownKind,
    UnknownVersion,
    encode_message,
    parse_message,
)
from tests.lines.direct.samples import NONCE, TRANSPORT, answer, call_id, offer

ID = call_id(1)

EVERY_KIND: list[AnyMessage] = [
    offer(),
    Ringing(call_id=ID),
    answer(),
    Select(call_id=ID, nonce=NONCE),
    AnsweredElsewhere(call_id=ID, device="phone"),
    Candidates(call_id=ID, candidates=("candidate:1 1 udp 2130706431 192.0.2.1 9 typ host",), complete=True),
    Candidates(call_id=ID, candidates=(), complete=True, restart=2),
    Restart(call_id=ID, number=1, transport=TRANSPORT),
    RestartAnswer(call_id=ID, number=100_000, transport=TRANSPORT),
    MediaReady(call_id=ID),
    Mute(call_id=ID, muted=True, number=1),
    MuteSeen(call_id=ID, number=1),
    Busy(call_id=ID),
    Decline(call_id=ID),
    Hangup(call_id=ID),
]


def with_fields(message: AnyMessage, **fields: Any) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(encode_message(message)), **fields})


@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda message: type(message).__name__)
def test_a_message_comes_as_it_went_also_with_fields_of_a_later_program(message: AnyMessage) -> None:
    assert parse_message(encode_message(message)) == message
    assert parse_message(with_fields(message, mood="cheerful", nested={"a": [1]})) == message


def test_another_version_is_refused_with_what_is_needed_to_refuse_the_call() -> None:
    with pytest.raises(UnknownVersion, match=r"version 2.*update") as refused:
        parse_message(with_fields(offer(), v=2, transport="something else"))
    assert (refused.value.kind, refused.value.call_id) == ("offer", ID)


def test_a_kind_that_a_later_program_has_added_is_told_apart() -> None:
    with pytest.raises(UnknownKind):
        parse_message(with_fields(offer(), type="shout"))


@pytest.mark.parametrize("message", [offer(), answer()], ids=lambda message: type(message).__name__)
def test_what_an_earlier_program_does_not_say_it_does_not_do(message: Offer | Answer) -> None:
    says = msgspec.json.decode(encode_message(msgspec.structs.replace(message, tells_mute=True, takes_messages=True)))
    for name in ("tells_mute", "takes_messages"):
        assert says.pop(name) is True
    found = parse_message(msgspec.json.encode(says))
    assert isinstance(found, Offer | Answer)
    assert (found.tells_mute, found.takes_messages) == (False, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"call_id": "1"},
        {"call_id": None},
        {"v": "1"},
        {"sent_at": -1},
        {"lifetime_ms": 10**9},
        {"commitment": "AAAA"},
        {"transport": {"ufrag": "abcd"}},
    ],
)
def test_a_wrong_field_is_one_clear_error(fields: dict[str, Any]) -> None:
    with pytest.raises(MessageError, match="not a call message"):
        parse_message(with_fields(offer(), **fields))


@pytest.mark.parametrize("transport", [{"pwd": "short"}, {"fingerprint": "AB:CD"}, {"ufrag": "a b"}])
def test_a_transport_that_could_not_be_used_is_refused(transport: dict[str, Any]) -> None:
    fields = {**msgspec.json.decode(encode_message(offer()))["transport"], **transport}
    with pytest.raises(MessageError):
        parse_message(with_fields(offer(), transport=fields))


def test_a_long_message_is_refused_unread() -> None:
    with pytest.raises(MessageError, match="the longest"):
        parse_message(b" " * (MAX_MESSAGE + 1))


@given(st.binary(max_size=400))
def test_rubbish_is_one_typed_error(data: bytes) -> None:
    with pytest.raises(MessageError):
        parse_message(data)


@given(st.sampled_from(EVERY_KIND), st.data())
def test_a_damaged_message_is_a_message_or_one_typed_error(message: AnyMessage, data: st.DataObject) -> None:
    encoded = bytearray(encode_message(message))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MessageError):
        parse_message(bytes(encoded))

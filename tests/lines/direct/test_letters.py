"""Letters: what two devices tell each other about voice messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct.channel import Place
from hullo.lines.direct.letters import (
    Letter,
    Receipt,
    VoiceMessage,
    VoiceMessageInCall,
    encode_letter,
    is_letter,
    parse_letter,
)
from hullo.lines.direct.messages import MAX_MESSAGE, MediaReady, MessageError, UnknownVersion, encode_message
from hullo.lines.telegram.account.session_file import Session
from hullo.messages.direct.sending import OutgoingJob
from tests.lines.direct.samples import call_id

MESSAGE = VoiceMessage(message_id="0123456789abcdef", file="f" * 43, envelope=bytes(range(256)) * 40, sent_at=1)
IN_CALL = VoiceMessageInCall(
    message_id="0123456789abcdef", call_id=call_id(1), number=2**32 - 1, envelope=bytes(range(256)) * 40, sent_at=1
)
RECEIPT = Receipt(message_id="0123456789abcdef", kind="heard")


@pytest.mark.parametrize("letter", [MESSAGE, IN_CALL, RECEIPT])
def test_a_letter_comes_back_as_it_was(letter: Letter) -> None:
    data = encode_letter(letter)
    assert len(data) <= MAX_MESSAGE
    assert is_letter(data)
    assert parse_letter(data) == letter


def test_what_is_about_calls_is_no_letter() -> None:
    assert not is_letter(encode_message(MediaReady(call_id=call_id(1))))


def test_a_later_version_is_told_from_rubbish() -> None:
    data = encode_letter(RECEIPT).replace(b'"v":1', b'"v":2')
    assert is_letter(data)
    with pytest.raises(UnknownVersion):
        parse_letter(data)


@pytest.mark.parametrize(
    "change",
    [(b'"heard"', b'"eaten"'), (b"0123456789abcdef", b"../../etc/passwd"), (b'"message_id"', b'"id"')],
)
def test_a_letter_that_makes_no_sense_is_refused(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(MessageError):
        parse_letter(encode_letter(RECEIPT).replace(*change))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_letter_or_one_typed_error(data: bytes) -> None:
    is_letter(data)
    with pytest.raises(MessageError):
        parse_letter(data)


def test_no_key_is_in_what_a_debugger_or_a_log_shows() -> None:
    letter = VoiceMessage(message_id="0" * 16, file="the-file-that-is-secret", envelope=b"the key", sent_at=1)
    place = Place("the-file-that-is-secret", "the ticket")
    job = OutgoingJob(person="bob", envelope=b"the key", begun=0.0, place=place)
    session = Session(api_id=1, dc=2, host="host", port=3, auth_key=b"the key" * 36)
    in_call = VoiceMessageInCall(message_id="0" * 16, call_id=call_id(1), number=1, envelope=b"the key", sent_at=1)
    for shown in map(repr, (letter, in_call, place, job, session)):
        assert "secret" not in shown
        assert "ticket" not in shown
        assert "the key" not in shown

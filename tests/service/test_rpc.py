"""The rules of JSON-RPC 2.0, and errors that say what to do."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.service import rpc
from hullo.service.rpc import Invalid, Request, RpcError, bind, parse


class Speak(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=1)]
    call_id: str | None = None


def only_error(message: bytes) -> tuple[int, Any]:
    """The code and id of the one error that `message` is answered with."""
    incoming = parse(message)
    (item,) = incoming.items
    assert isinstance(item, Invalid)
    assert not incoming.is_batch
    assert item.error.data["hint"]
    return item.error.code, item.id


@pytest.mark.parametrize("request_id", ["a", "", 0, 7, -1, 1.5, 12345678901234567890123, None])
def test_an_id_is_a_string_a_number_or_null_and_comes_back_as_it_was(request_id: Any) -> None:
    (request,) = parse(json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "health"}).encode()).items
    assert isinstance(request, Request)
    answer = json.loads(rpc.encode_result(request_id, {"ok": True}))
    assert answer == {"jsonrpc": "2.0", "id": request_id, "result": {"ok": True}}
    assert request.id == request_id


def test_without_an_id_it_is_a_notification() -> None:
    (request,) = parse(b'{"jsonrpc":"2.0","method":"call.hangup"}').items
    assert request == Request("call.hangup", {}, msgspec.UNSET)


@pytest.mark.parametrize(
    "message",
    [b"", b"{", b"\xff\xfe", b"NaN", b'{"a":1}x', b'"\\ud800aaaaaa"', b"[" * 100_000, b"1e999", b'{"jsonrpc":"2.0",'],
)
def test_what_is_not_json_is_a_parse_error(message: bytes) -> None:
    assert only_error(message) == (rpc.PARSE_ERROR, None)


@pytest.mark.parametrize(
    ("message", "request_id"),
    [
        ("1", None),
        ('"hello"', None),
        ("null", None),
        ("[]", None),
        ("{}", None),
        ('{"jsonrpc":"1.0","id":3,"method":"health"}', 3),
        ('{"id":3,"method":"health"}', 3),
        ('{"jsonrpc":"2.0","id":"x","method":1}', "x"),
        ('{"jsonrpc":"2.0","id":"x"}', "x"),
        ('{"jsonrpc":"2.0","id":4,"method":"health","params":1}', 4),
        ('{"jsonrpc":"2.0","id":4,"method":"health","params":null}', 4),
        ('{"jsonrpc":"2.0","id":{},"method":"health"}', None),
        ('{"jsonrpc":"2.0","id":[1],"method":"health"}', None),
        ('{"jsonrpc":"2.0","id":true,"method":"health"}', None),
        ('{"jsonrpc":"2.0","id":9,"result":1}', 9),
    ],
)
def test_json_that_is_no_request_is_an_invalid_request(message: str, request_id: Any) -> None:
    assert only_error(message.encode()) == (rpc.INVALID_REQUEST, request_id)


def test_a_batch_keeps_its_order_and_one_bad_request_spoils_only_itself() -> None:
    incoming = parse(b'[{"jsonrpc":"2.0","id":1,"method":"health"},1,{"jsonrpc":"2.0","method":"call.list"}]')
    assert incoming.is_batch
    first, second, third = incoming.items
    assert first == Request("health", {}, 1)
    assert isinstance(second, Invalid)
    assert third == Request("call.list", {})
    assert json.loads(rpc.encode_batch([b"1", b"2"])) == [1, 2]


def test_a_batch_has_a_limit() -> None:
    assert only_error(json.dumps([{}] * (rpc.BATCH_LIMIT + 1)).encode()) == (rpc.INVALID_REQUEST, None)


@given(st.binary(max_size=300))
def test_garbage_does_not_break_the_parser(message: bytes) -> None:
    for item in parse(message).items:
        if isinstance(item, Invalid):
            json.loads(rpc.encode_error(item.id, item.error))


def bound(params: Any) -> Speak | RpcError:
    """What becomes of `params`: nothing but a `Speak` or an `RpcError`."""
    try:
        return bind(params, Speak, "call.speak")
    except RpcError as error:
        return error


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), st.lists, max_leaves=8))
def test_random_params_do_not_break_the_binding(value: Any) -> None:
    for params in ({"text": value}, {"call_id": value, "text": "x"}, [value], {str(value): 1}):
        outcome = bound(params)
        if isinstance(outcome, RpcError):
            assert outcome.code == rpc.INVALID_PARAMS
            json.loads(rpc.encode_error(1, outcome))


@pytest.mark.parametrize(
    "params",
    [{"call_id": "c1", "text": "hello"}, {"callId": "c1", "text": "hello"}, ["hello", "c1"]],
)
def test_params_come_by_name_in_both_cases_or_by_position(params: Any) -> None:
    assert bind(params, Speak, "call.speak") == Speak("hello", "c1")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"txt": "hello"}, "did you mean text?"),
        ({"text": "a", "callID": "c"}, "did you mean callId?"),
        ({"text": "a", "zzzzz": 1}, "unknown parameter 'zzzzz'"),
        ({"text": "a", "call_id": "c", "callId": "c"}, "call_id is given twice"),
        ({"call_id": "c"}, "missing required field `text`"),
        ({"text": 5}, "Expected `str`, got `int` - at `$.text`"),
        ({"text": ""}, "length >= 1"),
        (["a", "b", "c"], "3 parameters"),
        ([], "missing required field `text`"),
    ],
)
def test_wrong_params_name_what_is_wrong(params: Any, words: str) -> None:
    with pytest.raises(RpcError) as caught:
        bind(params, Speak, "call.speak")
    assert caught.value.code == rpc.INVALID_PARAMS
    assert words in caught.value.message
    assert "call.speak takes text, call_id" in caught.value.data["hint"]


def test_an_unknown_method_is_answered_with_the_nearest_one() -> None:
    error = rpc.method_not_found("call.speek", ["call.speak", "call.start", "health"])
    assert (error.code, error.data["hint"]) == (rpc.METHOD_NOT_FOUND, "did you mean call.speak?")
    assert len(rpc.method_not_found("x" * 10_000, ["health"]).message) < 200

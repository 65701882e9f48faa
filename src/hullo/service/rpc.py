"""JSON-RPC 2.0 as values: what a message asks, what is wrong with it, how an answer reads. No sockets, no methods here.

Source: https://www.jsonrpc.org/specification.
"""

import difflib
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeVar

import msgspec

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

BATCH_LIMIT = 100
"""Requests in one batch; more are refused, because a batch is answered as one."""

Id: TypeAlias = str | int | float | None
Params: TypeAlias = dict[str, Any] | list[Any]
ParamsType = TypeVar("ParamsType", bound=msgspec.Struct)


class RpcError(Exception):
    """An error as the client sees it: `code`, one sentence, and in `data` a `hint` that says what to do next."""

    def __init__(self, code: int, message: str, hint: str, **data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data: dict[str, Any] = {"hint": hint, **data}


class Request(msgspec.Struct, frozen=True):
    """A call of a method; with `id` unset it is a notification, which is never answered."""

    method: str
    params: Params
    id: Id | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_notification(self) -> bool:
        """Whether it must not be answered."""
        return isinstance(self.id, msgspec.UnsetType)

    @property
    def answer_id(self) -> Id:
        """The id under which it is answered."""
        return None if isinstance(self.id, msgspec.UnsetType) else self.id


class Invalid(msgspec.Struct, frozen=True):
    """What came in place of a request; it is answered with `error`, under the `id` as far as one can be made out."""

    error: RpcError
    id: Id = None


class Incoming(msgspec.Struct, frozen=True):
    """One message: its requests in order, and whether they are a batch, which is answered with an array."""

    items: list[Request | Invalid]
    is_batch: bool = False


def parse(message: bytes) -> Incoming:
    """What `message` asks. Never raises: what is wrong with it is in the items."""
    try:
        value = msgspec.json.decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return _only(RpcError(PARSE_ERROR, f"not JSON: {error}", "send one JSON object or array, in UTF-8"))
    except RecursionError:
        return _only(RpcError(PARSE_ERROR, "JSON that is nested too deeply", "send a flat request object"))
    if not isinstance(value, list):
        return Incoming([_request(value)])
    if not value:
        return _only(RpcError(INVALID_REQUEST, "an empty batch", "put at least one request into the array"))
    if len(value) > BATCH_LIMIT:
        problem = f"a batch of {len(value)} requests"
        return _only(RpcError(INVALID_REQUEST, problem, f"send at most {BATCH_LIMIT} requests in a batch"))
    return Incoming([_request(item) for item in value], is_batch=True)


def bind(params: Params, into: type[ParamsType], method: str) -> ParamsType:
    """`params`, by name (snake_case or camelCase) or by position, as the Struct `into`.

    Raises `RpcError` (invalid params) that names the parameter, for one that is unknown with the nearest right name.
    """
    fields = [field.encode_name for field in msgspec.structs.fields(into)]
    try:
        named = _by_position(params, fields) if isinstance(params, list) else _by_name(params, fields)
        return msgspec.convert(named, into)
    except (_BadParams, msgspec.ValidationError) as error:
        takes = f"{method} takes {', '.join(fields)}" if fields else f"{method} takes no parameters"
        raise RpcError(INVALID_PARAMS, f"{method}: {error}", f"{takes}; rpc.discover describes them") from None


def method_not_found(name: str, known: Iterable[str]) -> RpcError:
    """The error for a method that does not exist, with the nearest one that does."""
    nearest = nearest_name(name, known)
    hint = f"did you mean {nearest}?" if nearest else "rpc.discover lists the methods"
    return RpcError(METHOD_NOT_FOUND, f"there is no method {_shown(name)}", hint)


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` was probably meant to be, or None."""
    return next(iter(difflib.get_close_matches(name[:100], list(known), n=1, cutoff=0.6)), None)


def camel_case(name: str) -> str:
    """`call_id` as `callId`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def encode_result(request_id: Id, result: Any) -> bytes:
    """The response to a request that succeeded."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def encode_error(request_id: Id, error: RpcError) -> bytes:
    """The response to a request that failed."""
    body = {"code": error.code, "message": error.message, "data": error.data}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "error": body})


def encode_notification(method: str, params: Any) -> bytes:
    """A notification from us to the client."""
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params})


def encode_batch(responses: list[bytes]) -> bytes:
    """The responses to a batch as one message. There must be at least one: an empty array is never sent."""
    return b"[" + b",".join(responses) + b"]"


class _BadParams(Exception):
    """Parameters that fit no method of ours; the message says which."""


def _only(error: RpcError) -> Incoming:
    return Incoming([Invalid(error)])


def _request(value: Any) -> Request | Invalid:
    if not isinstance(value, dict):
        return _invalid(None, "a request is an object")
    request_id = value.get("id", msgspec.UNSET)
    if isinstance(request_id, bool | dict | list):
        return _invalid(None, "an id is a string, a number or null")
    known_id = None if request_id is msgspec.UNSET else request_id
    if value.get("jsonrpc") != "2.0":
        return _invalid(known_id, 'a request has "jsonrpc": "2.0"')
    method = value.get("method")
    if not isinstance(method, str):
        return _invalid(known_id, "a request has a method, and it is a string")
    params = value.get("params", {})
    if not isinstance(params, dict | list):
        return _invalid(known_id, "params are an object or an array")
    return Request(method, params, request_id)


def _invalid(request_id: Id, problem: str) -> Invalid:
    example = '{"jsonrpc": "2.0", "id": 1, "method": "call.list", "params": {}}'
    return Invalid(RpcError(INVALID_REQUEST, f"not a request: {problem}", f"send such as {example}"), request_id)


def _by_position(params: list[Any], fields: list[str]) -> dict[str, Any]:
    if len(params) > len(fields):
        raise _BadParams(f"{len(params)} parameters, and there are only {len(fields)}")
    return dict(zip(fields, params, strict=False))


def _by_name(params: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    aliases = {camel_case(field): field for field in fields}
    named: dict[str, Any] = {}
    for name, value in params.items():
        field = name if name in fields else aliases.get(name)
        if field is None:
            nearest = nearest_name(name, [*fields, *aliases])
            raise _BadParams(f"unknown parameter {_shown(name)}" + (f", did you mean {nearest}?" if nearest else ""))
        if field in named:
            raise _BadParams(f"{field} is given twice")
        named[field] = value
    return named


def _shown(name: str) -> str:
    """A name from outside, short enough for a message."""
    return repr(name if len(name) <= 60 else name[:60] + "…")

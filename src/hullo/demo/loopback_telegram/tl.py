"""The TL schema of the loopback Telegram: kurigram's classes, and what they lack on the writing side."""

import importlib
from io import BytesIO
from typing import Any

# kurigram builds these modules' contents at run time, so there are no types to check against.
raw: Any = importlib.import_module("pyrogram.raw")
core: Any = importlib.import_module("pyrogram.raw.core")
types: Any = raw.types
functions: Any = raw.functions
aes: Any = importlib.import_module("pyrogram.crypto.aes")
DH_PRIME: int = importlib.import_module("pyrogram.crypto.prime").CURRENT_DH_PRIME
LAYER: int = importlib.import_module("pyrogram.raw.all").layer

GZIP_FROM = 512


class Serialised:
    """A value in its wire form, for the places where TL has bare types and kurigram wants an object."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def write(self) -> bytes:
        """The bytes."""
        return self._data


def boolean(value: bool) -> Serialised:
    """`boolTrue` or `boolFalse` as a result."""
    return Serialised(core.Bool(value))


def vector(values: list[Any]) -> Serialised:
    """A `Vector` of objects as a result."""
    return Serialised(core.Vector(values))


def read(data: bytes) -> Any:
    """One TL object at the start of `data`. Raises `ValueError` if there is none."""
    try:
        return core.TLObject.read(BytesIO(data))
    except (KeyError, ValueError, IndexError, OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"not a TL object of layer {LAYER}: {error}") from None


def objects(values: list[Any]) -> list[Any]:
    """A vector that was read, with objects where kurigram took those of 4 and 8 bytes for numbers.

    Raises `ValueError` where there is no object.
    """
    return [read(_number(value)) if isinstance(value, int) else value for value in values]


def _number(value: int) -> bytes:
    return value.to_bytes(4 if -(1 << 31) <= value < 1 << 31 else 8, "little", signed=True)


def rpc_result(request_id: int, value: Any) -> Any:
    """`rpc_result`, its value in `gzip_packed` if that is long."""
    data = value.write()
    packed = core.GzipPacked(value) if len(data) > GZIP_FROM else Serialised(data)
    return types.RpcResult(req_msg_id=request_id, result=packed)


def method_name(function: Any) -> str:
    """The TL name of a function object, such as `phone.requestCall`."""
    *namespace, name = function.QUALNAME.split(".")[1:]
    return ".".join([*namespace, name[0].lower() + name[1:]])

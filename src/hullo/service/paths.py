"""Paths that clients name."""

from pathlib import PurePath

from hullo.service import rpc


def absolute(method: str, path: str) -> str:
    """The path, which must be absolute. Raises `RpcError`."""
    if not PurePath(path).is_absolute() or "\0" in path:
        hint = "give an absolute path: the daemon does not work in your directory"
        raise rpc.RpcError(rpc.INVALID_PARAMS, f"{method}: {path[:100]!r} is not an absolute path", hint)
    return path

"""The four emoji that two people compare to know that nobody is in between."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import msgspec

Emoji: TypeAlias = tuple[str, str, str, str]


class _Table(msgspec.Struct):
    emoji: list[str]


def key_emoji(key: bytes, g_a: bytes) -> Emoji:
    """The emoji of a call, the same at both ends: `key` is the padded 256 bytes, `g_a` the caller's public value."""
    digest = hashlib.sha256(key + g_a).digest()
    first, second, third, fourth = (_emoji(digest[at : at + 8]) for at in range(0, 32, 8))
    return first, second, third, fourth


def _emoji(digest: bytes) -> str:
    table = _table()
    return table[(int.from_bytes(digest, "big") & 0x7FFF_FFFF_FFFF_FFFF) % len(table)]


@cache
def _table() -> list[str]:
    text = files("hullo.lines.telegram").joinpath("emoji_table.json").read_bytes()
    return msgspec.json.decode(text, type=_Table).emoji

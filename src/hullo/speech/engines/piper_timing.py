"""When Piper says which word: its voices know how long each phoneme takes, and ordinary ones keep it to themselves.

Inside a voice (a VITS model in ONNX) the only tensor that is rounded up holds the durations of the phonemes. Naming it
as one more output is an addition to the file's message, so no more of ONNX is needed than how its fields are written
(protobuf.dev, Encoding; onnx.proto, ModelProto).
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

_GRAPH, _NODE, _GRAPH_OUTPUT, _NODE_OUTPUT, _OPERATOR, _NAME = 7, 1, 12, 2, 4, 1
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_STRESS = "ˈˌː"
_NO_SOUND = frozenset("!'(),-.:;?\"¡¿ ^$_" + _STRESS)


def telling_times(model: bytes) -> bytes:
    """The same voice with the durations of its phonemes as second output; unchanged where they can't be told apart.

    Raises `ValueError` for what is no message at all.
    """
    graph = next((value for number, value in _fields(memoryview(model)) if number == _GRAPH), None)
    if graph is None:
        return model
    outputs = [part for number, part in _fields(graph) if number == _GRAPH_OUTPUT]
    rounded = set(_rounded_up(graph))
    if len(outputs) != 1 or len(rounded) != 1:
        return model
    # A message that is there twice is the two merged: the addition has nothing but the one output.
    return model + _message(_GRAPH, _message(_GRAPH_OUTPUT, _message(_NAME, rounded.pop())))


def word_starts(words: Sequence[Sequence[str]], said: Sequence[tuple[str, float]]) -> list[float | None]:
    """When each word begins, by the phonemes of each alone and those that were said, with their times.

    In a sentence phonemes differ from those of single words ("of the" in one breath), so the two are aligned; None
    for a word of which nothing was found.
    """
    alone = [(phoneme, number) for number, phonemes in enumerate(words) for phoneme in phonemes]
    alone = [one for one in alone if one[0] not in _NO_SOUND]
    sounds = [one for one in said if one[0] not in _NO_SOUND]
    matcher = SequenceMatcher(None, [one for one, _ in alone], [one for one, _ in sounds], autojunk=False)
    place = {block.a + at: block.b + at for block in matcher.get_matching_blocks() for at in range(block.size)}
    starts: list[float | None] = [None] * len(words)
    for at, (_, number) in enumerate(alone):
        first = at == 0 or alone[at - 1][1] != number
        if first and at in place:
            starts[number] = sounds[place[at]][1]
        elif first and at - 1 in place and place[at - 1] + 1 < len(sounds):
            starts[number] = sounds[place[at - 1] + 1][1]  # its first sound changed: it follows the word before
    return starts


def _rounded_up(graph: memoryview) -> Iterator[bytes]:
    for number, node in _fields(graph):
        if number == _NODE:
            fields = [(number, bytes(value)) for number, value in _fields(node) if number in (_OPERATOR, _NODE_OUTPUT)]
            if (_OPERATOR, b"Ceil") in fields:
                yield from (value for number, value in fields if number == _NODE_OUTPUT)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field that has bytes; numbers are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _BYTES:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("a field is longer than its message")
            yield key >> 3, message[at : at + length]
            at += length
        elif kind in (_FIXED_32, _FIXED_64):
            at += 4 if kind == _FIXED_32 else 8
        else:
            raise ValueError(f"a field of kind {kind} is not of this format")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number has no end")


def _message(number: int, content: bytes) -> bytes:
    length, written = len(content), bytearray([number << 3 | _BYTES])
    while length > 0x7F:
        written.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(written) + bytes([length]) + content

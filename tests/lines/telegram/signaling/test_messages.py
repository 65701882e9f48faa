"""Messages as other apps write them, and as nobody should."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.telegram.signaling.messages import (
    MAX_CANDIDATES,
    Candidates,
    Content,
    InitialSetup,
    MediaState,
    Message,
    MessageError,
    NegotiateChannels,
    PayloadType,
    encode_message,
    parse_message,
)
from hullo.rtc.candidate import parse_candidate
from hullo.rtc.parameters import DtlsFingerprint, Setup
from tests.lines.telegram.vectors import VECTORS

FINGERPRINT = ":".join(["AB"] * 32)
SETUP = InitialSetup(
    ufrag="aBcD",
    pwd="0123456789abcdefghijklmn",
    fingerprint=DtlsFingerprint("sha-256", FINGERPRINT),
    setup=Setup.ACTPASS,
)
OPUS = PayloadType(id=111, name="opus", clockrate=48000, channels=2)
MESSAGES: list[Message] = [
    SETUP,
    Candidates((parse_candidate("candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host"),)),
    NegotiateChannels(653565589, (Content(type="audio", ssrc=3214527408, payload_types=(OPUS,)),)),
    MediaState(muted=True),
]


def parsed(message: dict[str, Any]) -> Message | None:
    return parse_message(json.dumps(message).encode())


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_messages_come_back(message: Message) -> None:
    assert parse_message(encode_message(message)) == message


def test_every_key_is_written_as_the_strictest_app_wants_it() -> None:
    written = [json.loads(encode_message(message)) for message in MESSAGES]
    assert written == [
        {
            "@type": "InitialSetup",
            "ufrag": "aBcD",
            "pwd": "0123456789abcdefghijklmn",
            "renomination": False,
            "fingerprints": [{"hash": "sha-256", "setup": "actpass", "fingerprint": FINGERPRINT}],
        },
        {
            "@type": "Candidates",
            "candidates": [{"sdpString": "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0"}],
        },
        {
            "@type": "NegotiateChannels",
            "exchangeId": "653565589",
            "contents": [
                {
                    "type": "audio",
                    "ssrc": "3214527408",
                    "ssrcGroups": [],
                    "payloadTypes": [
                        {
                            "id": 111,
                            "name": "opus",
                            "clockrate": 48000,
                            "channels": 2,
                            "feedbackTypes": [],
                            "parameters": {"minptime": "10", "useinbandfec": "1"},
                        }
                    ],
                    "rtpExtensions": [],
                }
            ],
        },
        {
            "@type": "MediaState",
            "muted": True,
            "lowBattery": False,
            "videoState": "inactive",
            "videoRotation": 0,
            "screencastState": "inactive",
        },
    ]


def test_the_known_messages() -> None:
    setup, candidates = (parse_message(v["json"].encode()) for v in VECTORS["signaling_v2_8.0.0_9.0.0"][:2])
    assert setup == SETUP
    assert candidates == MESSAGES[1]


def test_numbers_as_text_signed_or_not_and_missing_optional_keys_are_read() -> None:
    audio = {"type": "audio", "ssrc": -1080439888, "payloadTypes": [{"id": "111", "name": "OPUS", "clockrate": 48000}]}
    message = parsed({"@type": "NegotiateChannels", "exchangeId": 7, "contents": [audio]})
    opus = PayloadType(id=111, name="opus", clockrate=48000, channels=0)
    assert message == NegotiateChannels(7, (Content(type="audio", ssrc=3214527408, payload_types=(opus,)),))
    assert parsed({"@type": "MediaState", "muted": True}) == MediaState(muted=True)


def test_an_entry_that_cannot_be_read_spoils_only_itself() -> None:
    contents = [
        {"type": "video"},
        7,
        {"type": "audio", "ssrc": "1", "payloadTypes": [{"id": 1000}, {"id": 9, "name": "x"}]},
    ]
    message = parsed({"@type": "NegotiateChannels", "exchangeId": "1", "contents": contents})
    assert isinstance(message, NegotiateChannels)
    assert [(c.type, [p.id for p in c.payload_types]) for c in message.contents] == [("audio", [9])]


def test_candidates_as_telegram_writes_them() -> None:
    texts = [
        "candidate:2779623096 1 udp 2122194688 192.0.2.2 41662 typ host generation 0 ufrag aBcD network-id 1",
        "candidate:116940803 1 udp 58589952 reflector-1-3304747002.reflector 599 typ relay generation 0 ufrag 4Dk1",
        "candidate:5 2 UDP 99 2001:db8::1 1 typ srflx raddr :: rport 0 generation 0 network-cost 10",
        "candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active generation 0",
        "candidate:1 1 udp 1 5a1b3c.local 9 typ host generation 0",
        "not a candidate",
        "",
        "candidate:1 1 udp 1 192.0.2.2 9 typ host " + "x" * 1_000_000,
    ]
    message = parsed({"@type": "Candidates", "candidates": [{"sdpString": text, "sdpMid": ""} for text in texts]})
    assert isinstance(message, Candidates)
    assert [(c.address, c.component) for c in message.candidates] == [
        ("192.0.2.2", 1),
        ("reflector-1-3304747002.reflector", 1),
        ("2001:db8::1", 1),
    ]


def test_a_flood_of_candidates_is_cut() -> None:
    flood = [{"sdpString": f"candidate:1 1 udp 1 192.0.2.2 {port} typ host"} for port in range(1, 20_000)]
    message = parsed({"@type": "Candidates", "candidates": flood})
    assert isinstance(message, Candidates)
    assert len(message.candidates) == MAX_CANDIDATES


def test_other_types_are_passed_over() -> None:
    assert parsed({"@type": "RemoteBatteryLevelIsLow"}) is None


def with_fingerprint(**changes: str) -> dict[str, Any]:
    fingerprint = {"hash": "sha-256", "setup": "actpass", "fingerprint": FINGERPRINT} | changes
    return {"@type": "InitialSetup", "ufrag": "aBcD", "pwd": "0" * 22, "fingerprints": [fingerprint]}


@pytest.mark.parametrize(
    "message",
    [
        {"@type": "InitialSetup"},
        with_fingerprint() | {"fingerprints": []},
        with_fingerprint() | {"ufrag": "a"},
        with_fingerprint() | {"ufrag": "a\r\nb:"},
        with_fingerprint() | {"pwd": "short"},
        with_fingerprint(hash="md5"),
        with_fingerprint(fingerprint="AB"),
        with_fingerprint(setup="holdconn"),
        {"@type": "Candidates", "candidates": "none"},
        {"@type": "NegotiateChannels", "exchangeId": "x", "contents": []},
        {"@type": "NegotiateChannels", "exchangeId": 2**32, "contents": []},
        {"@type": 7},
        {},
    ],
)
def test_a_message_that_cannot_be_used_is_an_error(message: dict[str, Any]) -> None:
    with pytest.raises(MessageError):
        parsed(message)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[" * 100_000, b'{"@type":"MediaState","a":' + b"[" * 100_000, b"null"]
)
def test_what_is_no_json_object_is_an_error(data: bytes) -> None:
    with pytest.raises(MessageError):
        parse_message(data)


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
names = st.sampled_from(
    ["@type", "candidates", "sdpString", "contents", "ssrc", "payloadTypes", "fingerprints", "muted"]
)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=5)
)


@given(st.sampled_from(["InitialSetup", "Candidates", "NegotiateChannels", "MediaState"]), trees, trees)
def test_random_json_of_a_known_type_is_read_or_is_an_error(kind: str, first: Any, second: Any) -> None:
    fields = first if isinstance(first, dict) else {"candidates": first, "contents": second, "exchangeId": 1}
    try:
        message = parsed({**fields, "@type": kind})
    except MessageError:
        return
    assert message is not None
    assert parse_message(encode_message(message)) is not None


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container in a JSON tree with every key or index of it."""
    inner = list(tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ())
    return [(tree, key) for key, _ in inner] + [place for _, value in inner for place in places(value)]


@given(st.sampled_from(MESSAGES), st.data())
def test_a_message_with_one_value_replaced_is_read_or_is_an_error(message: Message, data: st.DataObject) -> None:
    tree = json.loads(encode_message(message))
    container, key = data.draw(st.sampled_from(places(tree)))
    container[key] = data.draw(trees)
    try:
        read = parsed(tree)
    except MessageError:
        return
    assert read is None or parse_message(encode_message(read)) is not None


@given(st.binary(max_size=200))
def test_random_bytes_are_an_error(data: bytes) -> None:
    try:
        parse_message(data)
    except MessageError:
        return
    raise AssertionError("random bytes were read as a message")

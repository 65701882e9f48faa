"""`rpc.discover` describes what is really sent and accepted: every method, every event, every field."""

import json
import re
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT7

from hullo.call import events
from hullo.call.report import TurnTimes
from hullo.lines.line import LegStats
from hullo.messages.info import MessageInfo
from hullo.messages.metadata import Direction
from hullo.service import openrpc
from hullo.service.errors import ErrorCode, errors_as_markdown
from hullo.service.methods import METHODS
from hullo.service.rpc import encode_notification
from hullo.speech.speaking.wording import TimingSource
from tests.service.node_programs import FOLDER, install_packages, run_node
from tests.service.socket_client import SocketClient, running
from tests.service.test_methods import active_call

Json = dict[str, Any]
DOCUMENT: Json = json.loads(json.dumps(openrpc.document(list(METHODS.values()))))
METHOD_DOCS = {method["name"]: method for method in DOCUMENT["methods"]}
EVENT_DOCS = {event["name"]: event for event in DOCUMENT["x-notifications"]}


def validate(value: Any, schema: Json) -> None:
    """Check `value`, and that the schema knows every field of it."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    if name:
        assert set(value) == set(DOCUMENT["components"]["schemas"][name]["properties"])


async def test_it_is_a_valid_openrpc_document() -> None:
    install_packages()
    meta_schema = await run_node(FOLDER / "meta_schema.mjs")
    # Where OpenRPC hands over to JSON Schema, it names a schema of schemas that is not in the package.
    registry: Registry[Any] = Registry().with_resource("https://meta.json-schema.tools", DRAFT7.create_resource({}))
    jsonschema.Draft7Validator(meta_schema, registry=registry).validate(DOCUMENT)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    names = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT))
    assert names
    assert set(names) <= set(DOCUMENT["components"]["schemas"])


def test_every_method_and_every_event_is_described() -> None:
    assert set(METHOD_DOCS) == set(METHODS)
    types = {events.event_name(kind) for kind in typing.get_args(events.CallEvent)}
    defined = {
        events.event_name(kind)
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, events.Event) and kind is not events.Event
    }
    assert set(EVENT_DOCS) == types == defined
    for described in (*METHOD_DOCS.values(), *EVENT_DOCS.values()):
        assert described["summary"]


def test_the_methods_and_events_of_the_seed_keep_their_names() -> None:
    assert {"call.start", "call.accept", "call.hangup"} <= set(METHOD_DOCS)
    assert {"call.ringing", "call.connected", "call.speech", "call.ended"} <= set(EVENT_DOCS)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_params_are_described_in_the_order_in_which_they_come(name: str) -> None:
    described = [param["name"] for param in METHOD_DOCS[name]["params"]]
    assert described == list(METHODS[name].params.__struct_fields__)
    required = [param["required"] for param in METHOD_DOCS[name]["params"]]
    assert required == sorted(required, reverse=True)
    assert all(param["description"] for param in METHOD_DOCS[name]["params"])


async def test_live_results_and_notifications_are_as_described(tmp_path: Path) -> None:
    params: dict[str, Any] = {
        "call.start": {"to": "loop:ann"},
        "call.mute": {"muted": True},
        "call.record": {"path": str(tmp_path / "call.wav")},
    }
    order = [
        "call.start",
        "call.status",
        "call.mute",
        "call.record",
        "call.list",
        "line.list",
        "health",
        "rpc.discover",
    ]
    async with running() as server, await SocketClient.connect(server.path) as client:

        async def told(*names: str) -> None:
            for name in names:
                validate(await client.until(name), EVENT_DOCS[name]["x-schema"])

        for name in order:
            result = await client.result(name, params.get(name))
            schema = METHOD_DOCS[name]["result"]["schema"]
            validate(result, schema)
            if schema.get("type") == "array":
                assert result
                for item in result:
                    validate(item, schema["items"])
        validate(await client.result("call.hangup"), METHOD_DOCS["call.hangup"]["result"]["schema"])
        await told("call.ringing", "call.connected", "call.ended")
        server.line.ring()
        await told("call.incoming")
        validate(await client.result("call.reject"), METHOD_DOCS["call.reject"]["result"]["schema"])
        await told("call.ended")
        server.line.ring()
        await told("call.incoming")
        validate(await client.result("call.accept"), METHOD_DOCS["call.accept"]["result"]["schema"])
        await told("call.connected")


MESSAGE = MessageInfo(
    message_id="m",
    path="/m.ogg",
    direction=Direction.RECEIVED,
    line="direct",
    peer="p",
    created=datetime(2026, 1, 1, tzinfo=UTC),
    duration=1.5,
    size=9,
    waveform=(0, 31),
    heard=False,
)


@pytest.mark.parametrize("kind", [kind for kind in typing.get_args(events.CallEvent) if kind is not events.Ended])
def test_every_event_is_sent_as_described(kind: Any) -> None:
    samples: dict[str, Any] = {
        "call_id": "c", "seq": 1, "timestamp": 2, "line": "l", "peer": "p", "direction": "incoming", "setup_ms": 1,
        "started_at": 0.5, "ended_at": 1.5, "text": "t", "transcript": "t", "confidence": None, "is_final": True,
        "times": TurnTimes(end_of_speech_ms=1, recognition_ms=2), "utterance_id": "u", "first_audio_ms": 3,
        "heard_ms": 4, "heard_text": "h", "stats": LegStats(), "quiet_ms": 5, "gap_ms": 6, "component": "voice",
        "error": "e", "retryable": True, "muted": True, "emoji": ("🐶", "🍕", "🚀", "🎲"), "version": "13.0.0",
        "paused_ms": 7, "word_timing": TimingSource.VOICE, "kind": "forged", "person": None, "detail": "d",
        "to": "page", "microphones": (), "speakers": (), "microphone": None, "speaker": None, "microphone_dbfs": -40.0,
        "speaker_dbfs": -30.5, "message_id": "m", "message": MESSAGE, "received": 5, "size": 9, "recording_id": "r",
        "state": "recording", "elapsed": 1.5, "remaining": 298.5, "level_dbfs": -20.0,
        "position": 1.0, "duration": 2.0, "to_the_end": True,
    }  # fmt: skip
    if kind is events.MessageFailed:
        samples["direction"] = Direction.RECEIVED
    event = kind(**{name: samples[name] for name in kind.__struct_fields__ if name in samples})
    name = events.event_name(kind)
    sent = json.loads(encode_notification(name, event))
    assert sent["params"]["type"] == sent["method"] == name
    validate(sent["params"], EVENT_DOCS[name]["x-schema"])


async def test_every_error_that_is_sent_is_described() -> None:
    async with running() as server, await SocketClient.connect(server.path) as client:
        call_id = await active_call(client)
        for name, params in (
            ("call.start", {"to": "nowhere"}),
            ("call.accept", {}),
            ("call.status", {"call_id": "none"}),
            ("call.speak", {"text": "hello"}),
            ("call.record", {"stop": True}),
        ):
            assert (await client.error(name, params))["code"] in described_errors(name)
        await client.result("call.hangup")
        await client.until("call.ended")
        over = await client.error("call.listen", {"enabled": True, "call_id": call_id})
        assert over["code"] in described_errors("call.listen")


def described_errors(method: str) -> set[int]:
    return {error["code"] for error in METHOD_DOCS[method]["errors"]}


def test_every_code_is_documented_once() -> None:
    table = errors_as_markdown()
    assert len({code.value for code in ErrorCode}) == len(ErrorCode)
    for code in ErrorCode:
        assert -32099 <= code <= -32000
        assert f"| {code.value} | `{code.kind}` | {code.meaning} |" in table

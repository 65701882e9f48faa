"""The description of the service for programs: an OpenRPC 1.3 document made from the methods and the event types.

OpenRPC knows no notifications from server to client, so the events stand in `x-notifications`, each written like a
method without a result: `{"jsonrpc": "2.0", "method": <name>, "params": {...}}` is sent to every client.
Source: https://spec.open-rpc.org.
"""

import inspect
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, get_args

import msgspec

from hullo.call.events import CallEvent, Event, event_name
from hullo.service.method import Method

Json = dict[str, Any]
_REF = "#/components/schemas/{name}"

EVENTS: tuple[type[Event], ...] = get_args(CallEvent)
"""Every event that clients are told of."""


def document(methods: Sequence[Method[Any]]) -> Json:
    """The OpenRPC document."""
    results = [method.result for method in methods]
    params = [method.params for method in methods]
    references, schemas = msgspec.json.schema_components([*results, *params, *EVENTS], ref_template=_REF)
    return {
        "openrpc": "1.3.2",
        "info": {
            "title": "hullo",
            "version": version("hullo"),
            "description": "Voice calls: place and take them, hear and speak. Newline-delimited JSON-RPC 2.0.",
            "license": {"name": "Apache-2.0"},
        },
        "methods": [_method(method, result, schemas) for method, result in zip(methods, references, strict=False)],
        "x-notifications": [_notification(event, schemas) for event in EVENTS],
        "components": {"schemas": schemas},
    }


def _method(method: Method[Any], result: Json, schemas: Json) -> Json:
    return {
        "name": method.name,
        "summary": method.doc.split(". ")[0].rstrip("."),
        "description": method.doc,
        "paramStructure": "either",
        "params": _params(schemas[method.params.__name__]),
        "result": {"name": "result", "schema": result},
        "errors": [
            {"code": code.value, "message": code.meaning, "data": {"kind": code.kind, "hint": "what to do next"}}
            for code in method.errors
        ],
    }


def _notification(event: type[Event], schemas: Json) -> Json:
    return {
        "name": event_name(event),
        "summary": inspect.cleandoc(event.__doc__ or ""),
        "paramStructure": "by-name",
        "params": _params(schemas[event.__name__]),
        "x-schema": _reference(event.__name__),
    }


def _params(schema: Json) -> list[Json]:
    """The fields of a Struct's schema as content descriptors."""
    required = schema.get("required", ())
    return [_descriptor(name, field, name in required) for name, field in schema["properties"].items()]


def _descriptor(name: str, schema: Json, required: bool) -> Json:
    described = {"description": schema["description"]} if "description" in schema else {}
    return {"name": name, "required": required, "schema": schema, **described}


def _reference(name: str) -> Json:
    return {"$ref": _REF.format(name=name)}

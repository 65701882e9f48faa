"""The OpenRPC document as a page for people: `docs/protocol.md` is what this makes, and a test says so."""

from typing import Any

from hullo.service.errors import errors_as_markdown

Json = dict[str, Any]

_HEAD = """# The protocol

JSON-RPC 2.0 on a Unix socket of mode 0600 (`hullo serve`, by default `$XDG_RUNTIME_DIR/hullo/hullo.sock` or
`~/.hullo/hullo.sock`), or on standard input and output (`hullo serve --stdio`). One object a line, in UTF-8; a client
that begins with a 4-byte length or with `Content-Length:` is answered in that framing. A line may have 1 MiB. Requests,
batches and notifications are all taken; names are snake_case, camelCase works too. Clients of another user are refused.

Every client gets every event, as a notification. Each event has `call_id`, `seq` (grows by one within a call) and
`timestamp` (Unix time in ms). A client that reads too slowly loses `call.quality` first; before it would miss anything
else it is told so (`events-missed`) and disconnected. A slow client never slows a call.

`call_id` may be left out while exactly one call is live. The same as a document for programs: `rpc.discover`.
"""


def as_markdown(document: Json) -> str:
    """The page."""
    schemas = document["components"]["schemas"]
    parts = [_HEAD, "## Methods\n"]
    parts += [_method(method, schemas) for method in document["methods"]]
    parts.append("## Events\n")
    parts += [_event(event, schemas) for event in document["x-notifications"]]
    parts.append(_errors())
    return "\n".join(parts)


def _method(method: Json, schemas: Json) -> str:
    errors = ", ".join(f"`{error['data']['kind']}`" for error in method["errors"])
    lines = [f"### `{method['name']}`\n", method["description"] + "\n"]
    if method["params"]:
        lines += [_fields(method["params"], schemas), ""]
    lines.append(f"Result: {_type(method['result']['schema'], schemas)}." + (f" Errors: {errors}." if errors else ""))
    return "\n".join(lines) + "\n"


def _event(event: Json, schemas: Json) -> str:
    common = ("call_id", "seq", "timestamp", "type")
    fields = [field for field in event["params"] if field["name"] not in common]
    return f"### `{event['name']}`\n\n{event['summary']}\n" + (f"\n{_fields(fields, schemas)}\n" if fields else "")


def _fields(fields: list[Json], schemas: Json) -> str:
    rows = [
        f"| `{field['name']}`{'' if field['required'] else ' (optional)'} | {_type(field['schema'], schemas)} "
        f"| {field.get('description', '')} |"
        for field in fields
    ]
    return "\n".join(["| field | type | |", "|---|---|---|", *rows])


def _type(schema: Json, schemas: Json) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        if "enum" in schemas[name]:
            return " or ".join(f'`"{value}"`' for value in schemas[name]["enum"])
        return f"object with {', '.join(f'`{field}`' for field in schemas[name].get('properties', {}))}"
    if "anyOf" in schema:
        return " or ".join(_type(one, schemas) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), schemas)}"
    return str(schema.get("type", "any"))


def _errors() -> str:
    words = "Beside the standard ones (-32700, -32600 to -32603). `data.kind` names the error, `data.hint` what to do."
    return f"## Errors\n\n{words}\n\n{errors_as_markdown()}\n"

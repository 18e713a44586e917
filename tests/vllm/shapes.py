"""What two answers have in common when the words differ: names, order, types, framing.

A shape is JSON: names are kept, values become the name of their type, except where the value itself
is part of the protocol. Elements of a list that look alike are told once.
"""

from __future__ import annotations

import json
from typing import Any

from tests.vllm.engines import Reply

# Members whose value is protocol, not content.
PROTOCOL = {"object", "type", "role", "finish_reason", "owned_by", "status", "reason", "phase"}
COUNTED_HEADERS = {"content-length", "date"}


def of_reply(reply: Reply) -> dict[str, Any]:
    """Status, headers in order, and the body: errors in full, the rest as its shape."""
    return {
        "status": reply.status,
        "headers": [
            name if name in COUNTED_HEADERS else f"{name}: {value}" for name, value in reply.headers
        ],
        "body": _body(reply),
    }


def _body(reply: Reply) -> Any:
    if reply.status >= 400:
        return reply.json
    if any("event-stream" in value for _, value in reply.headers):
        return events(reply.text)
    return of(reply.json) if reply.text.startswith("{") else reply.text


def events(text: str) -> list[Any]:
    """The events of a stream: their fields, data as its shape; a run of alike ones is told once."""
    blocks = text.split("\n\n")
    if blocks.pop() != "":
        return ["the last event has no empty line behind it"]
    return _told_once([[_field(line) for line in block.split("\n")] for block in blocks])


def _field(line: str) -> Any:
    name, _, value = line.partition(": ")
    return {name: of(json.loads(value)) if value.startswith("{") else value}


def of(value: Any, name: str = "") -> Any:
    if isinstance(value, dict) and name == "top_logprobs":
        return {"<token>": of(next(iter(value.values())))}
    if isinstance(value, dict):
        return {key: of(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return _told_once([of(element, name) for element in value])
    if isinstance(value, str) and name in PROTOCOL:
        return value
    return None if value is None else f"<{type(value).__name__}>"


def _told_once(shapes: list[Any]) -> list[Any]:
    return [shape for i, shape in enumerate(shapes) if i == 0 or shape != shapes[i - 1]]


def lines(shape: Any) -> list[str]:
    """The shape as text, one member a line, order kept: what a diff is made of."""
    return json.dumps(shape, indent=1, ensure_ascii=False).splitlines()

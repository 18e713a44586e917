"""The OpenAPI document, made of operations that stand beside the routes they describe. Pure.

Schemas are made of the very types that answers are encoded from, so they cannot say otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

Json = dict[str, Any]

ERRORS = {
    400: "The request is not understood; the message says why.",
    401: "No key, or none that is valid.",
    403: "The key is valid, but its owner may not do this.",
    404: "There is no such thing, or none for you.",
    409: "It is not in a state that allows this.",
    413: "The request is too large.",
    429: "Too much was asked for; see Retry-After.",
    503: "Not just now; see Retry-After.",
}


class ErrorDetail(msgspec.Struct, frozen=True):
    """What went wrong, as OpenAI's clients expect it. More members may stand beside these."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """Every answer that is an error."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class Parameter:
    """A text in the query. `values`: the only ones."""

    description: str
    default: str | None = None
    example: str | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """What is answered instead of JSON when that is asked for."""

    media_type: str
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `answer` is the type of the 200's JSON."""

    path: str
    summary: str
    description: str
    tag: str
    answer: type
    method: str = "get"
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    text_answer: TextAnswer | None = None
    errors: Sequence[int] = ()
    needs_key: bool = True


def document(operations: Sequence[Operation], version: str) -> Json:
    """The whole document, as JSON."""
    types = [ErrorEnvelope, *(each.answer for each in operations)]
    shown, schemas = msgspec.json.schema_components(
        dict.fromkeys(types), ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(dict.fromkeys(types), shown, strict=True))
    paths: dict[str, Json] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method] = _operation(each, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "KScope",
            "version": version,
            "description": "What the gateway answers itself. What it passes on to engines under "
            "/v1 is OpenAI's interface, in the version that the engine speaks.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, schema_of: Mapping[type, Json]) -> Json:
    content: Json = {"application/json": {"schema": schema_of[operation.answer]}}
    if text := operation.text_answer:
        content[text.media_type] = {"schema": {"type": "string", "description": text.description}}
    error = {"application/json": {"schema": schema_of[ErrorEnvelope]}}
    errors = {str(s): {"description": ERRORS[s], "content": error} for s in operation.errors}
    return {
        "operationId": f"{operation.method}_{operation.path.strip('/').replace('/', '_')}",
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": [_parameter(*item) for item in operation.parameters.items()],
        "responses": {"200": {"description": "As asked for.", "content": content}, **errors},
        "security": [{"key": []}] if operation.needs_key else [],
    }


def _parameter(name: str, parameter: Parameter) -> Json:
    schema: Json = {"type": "string"}
    if parameter.values:
        schema["enum"] = list(parameter.values)
    if parameter.default is not None:
        schema["default"] = parameter.default
    told: Json = {"name": name, "in": "query", "required": False, "schema": schema}
    if parameter.example is not None:
        told["example"] = parameter.example
    return {**told, "description": parameter.description}

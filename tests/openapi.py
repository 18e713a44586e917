"""Holds a JSON answer to a schema of an OpenAPI 3.1 document.

It knows the keywords that our schemas use, and fails on any other: an unknown one would be a demand
that is never checked.
"""

from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, Any] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_SAYS_NOTHING = {"title", "description", "default", "example"}


def faults(value: object, schema: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """What is wrong with `value`, each with its place; strict: members it does not know are."""
    return list(_faults(value, schema, document, "$"))


def resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        assert schema.keys() == {"$ref"}
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _faults(value, schema, document, place):
    schema = resolve(schema, document)
    known = {"type", "properties", "required", "items", "enum", "anyOf"}
    known |= {"additionalProperties"} | _SAYS_NOTHING
    assert schema.keys() <= known, f"keywords nobody checks: {schema.keys() - known}"
    if "anyOf" in schema:
        if all(list(_faults(value, each, document, place)) for each in schema["anyOf"]):
            yield f"{place}: none of what it may be"
        return
    if "type" in schema and not _TYPES[schema["type"]](value):
        yield f"{place}: no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: not one of {schema['enum']}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        yield from (f"{place}: lacks {n}" for n in schema.get("required", ()) if n not in value)
        for name, member in value.items():
            described = properties.get(name, schema.get("additionalProperties"))
            if described is None:
                yield f"{place}.{name}: not described"
            else:
                yield from _faults(member, described, document, f"{place}.{name}")
    for number, element in enumerate(value if isinstance(value, list) else ()):
        yield from _faults(element, schema.get("items", {}), document, f"{place}[{number}]")

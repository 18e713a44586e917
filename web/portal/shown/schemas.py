"""The schemas of our own types as tables of their members. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from web.openapi.operations import Json

_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "object",
}


@dataclass(frozen=True, slots=True)
class Member:
    """`kind` in words; `types`: the names in it that are types of ours."""

    name: str
    kind: str
    types: tuple[str, ...]
    is_required: bool


@dataclass(frozen=True, slots=True)
class Schema:
    name: str
    words: str
    members: tuple[Member, ...]


def schemas_of(schemas: Mapping[str, Json]) -> tuple[Schema, ...]:
    return tuple(
        Schema(name, " ".join(each.get("description", "").split()), tuple(_members(each)))
        for name, each in schemas.items()
    )


def _members(schema: Json) -> Iterator[Member]:
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield Member(name, kind_of(each), tuple(_types_in(each)), name in required)


def kind_of(schema: Json) -> str:
    """A schema in a few words: `list of text or null`."""
    if "$ref" in schema:
        return _name(schema)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(each) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if isinstance(each := schema.get("additionalProperties"), dict):
        return f"object of {kind_of(each)}"
    return _WORDS.get(schema.get("type", ""), "anything")


def _types_in(schema: Json) -> Iterator[str]:
    if "$ref" in schema:
        yield _name(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _types_in(schema[key])
    for each in schema.get("anyOf", ()):
        yield from _types_in(each)


def _name(schema: Json) -> str:
    return str(schema["$ref"]).rpartition("/")[2]

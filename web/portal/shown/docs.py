"""The OpenAPI document as people read it: by what it is for, an entry for each route. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from web.openapi.operations import Json
from web.portal.shown.asking import curl
from web.portal.shown.docs_errors import Problem, named, problems_of
from web.portal.shown.prose import inline, prose
from web.portal.shown.schemas import Schema, schemas_of

# Their routes are the pages' own: a line each is enough.
BRIEF = "portal"
HEADINGS = {
    "engines": "Asking models",
    "models": "Listing models",
    "usage": "Usage",
    "gateway": "The gateway itself",
    "workers": "Workers",
    "portal": "Pages",
}
WHO = {
    (): "anybody",
    ("key",): "an API key",
    ("key", "x_api_key"): "an API key, as `Authorization: Bearer` or as `x-api-key`",
    ("worker",): "the token of an instance",
    ("metrics",): "the gateway's own host, or the token for metrics",
    ("session",): "who is logged in",
    ("session", "csrf"): "who is logged in, from a page of this gateway",
    ("session administrator",): "administrators",
    ("session administrator", "csrf"): "administrators, from a page of this gateway",
}


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter."""

    name: str
    place: str
    words: Markup
    default: str
    example: str


@dataclass(frozen=True, slots=True)
class Told:
    """An answer that is no error."""

    status: str
    words: Markup
    kinds: tuple[str, ...]
    schema: str
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A route. `problems`: status and anchor."""

    anchor: str
    method: str
    path: str
    summary: Markup
    words: Markup
    who: Markup
    inputs: tuple[Input, ...]
    body: str
    body_words: Markup
    body_schema: str
    curl: str
    answers: tuple[Told, ...]
    problems: tuple[tuple[str, str], ...]
    reference: str


@dataclass(frozen=True, slots=True)
class Section:
    anchor: str
    heading: str
    words: Markup
    is_brief: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class HeaderLine:
    name: str
    words: Markup
    example: str


@dataclass(frozen=True, slots=True)
class Docs:
    about: Markup
    sections: tuple[Section, ...]
    problems: tuple[Problem, ...]
    headers: tuple[HeaderLine, ...]
    schemas: tuple[Schema, ...]


def read(document: Json, base_url: str) -> Docs:
    """`base_url` stands in the examples."""
    components = document["components"]
    return Docs(
        prose(document["info"]["description"]),
        tuple(_sections(document, base_url)),
        problems_of(document),
        tuple(
            HeaderLine(name, inline(each["description"]), str(each["example"]))
            for name, each in components["headers"].items()
        ),
        schemas_of(components["schemas"]),
    )


def _sections(document: Json, base_url: str) -> Iterator[Section]:
    for tag in document["tags"]:
        name = tag["name"]
        entries = tuple(
            _entry(document, path, method, operation, base_url)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if name in operation["tags"]
        )
        words = prose(tag["description"])
        yield Section(f"about-{name}", HEADINGS[name], words, name == BRIEF, entries)


def _entry(document: Json, path: str, method: str, operation: Json, base_url: str) -> Entry:
    body = operation.get("requestBody", {})
    content = body.get("content", {})
    example = next((each["example"] for each in content.values() if "example" in each), None)
    schemes = tuple(
        " ".join((name, *roles))
        for all_of in operation["security"]
        for name, roles in all_of.items()
    )
    can_be_pasted = "{" not in path and (not content or example is not None)
    return Entry(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=inline(operation["summary"]),
        words=prose(operation["description"]),
        who=inline(WHO[schemes]),
        inputs=tuple(_inputs(document, operation)),
        body=", ".join(content),
        body_words=inline(body.get("description", "")),
        body_schema=_schema_in(content),
        curl=curl(base_url + path, bool(schemes), example) if can_be_pasted else "",
        answers=tuple(_answers(operation)),
        problems=tuple(named(operation["responses"])),
        reference=operation.get("externalDocs", {}).get("url", ""),
    )


def _inputs(document: Json, operation: Json) -> Iterator[Input]:
    for given in operation["parameters"]:
        name = given.get("$ref", "").rpartition("/")[2]
        each = document["components"]["parameters"][name] if name else given
        schema = each["schema"]
        words = inline(each["description"])
        default = schema.get("default", "")
        yield Input(each["name"], each["in"], words, default, each.get("example", ""))


def _answers(operation: Json) -> Iterator[Told]:
    for status, told in operation["responses"].items():
        if "$ref" in told:
            continue
        content = told.get("content", {})
        words = inline(told["description"])
        yield Told(status, words, tuple(content), _schema_in(content), tuple(told["headers"]))


def _schema_in(content: Json) -> str:
    """The name of our own type, if it is one."""
    refs = (each["schema"].get("$ref", "") for each in content.values())
    return next(filter(None, refs), "").rpartition("/")[2]

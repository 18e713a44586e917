"""The errors of the OpenAPI document as people read them. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from markupsafe import Markup

from web.openapi.document import EVERYWHERE
from web.openapi.errors import JSON
from web.openapi.operations import Json
from web.portal.shown.asking import pretty
from web.portal.shown.prose import inline


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that an error can mean."""

    when: Markup
    kind: str
    code: str
    example: str


@dataclass(frozen=True, slots=True)
class Problem:
    """All that one status can mean on the routes that lead here. `is_general`: on any."""

    anchor: str
    status: int
    phrase: str
    name: str
    cases: tuple[Case, ...]
    headers: tuple[str, ...]
    is_general: bool


def named(responses: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """(status, anchor) of those that are described once for many routes."""
    for status, told in responses.items():
        if "$ref" in told:
            yield status, f"error-{told['$ref'].rpartition('/')[2]}"


def problems_of(document: Json) -> tuple[Problem, ...]:
    """By status."""
    return tuple(sorted(_problems(document), key=lambda each: (each.status, each.anchor)))


def _problems(document: Json) -> Iterator[Problem]:
    general = {anchor: status for status, anchor in named(document[EVERYWHERE])}
    each_ones = [o["responses"] for methods in document["paths"].values() for o in methods.values()]
    statuses = {anchor: int(s) for responses in each_ones for s, anchor in named(responses)}
    statuses |= {anchor: int(status) for anchor, status in general.items()}
    for name, told in document["components"]["responses"].items():
        anchor = f"error-{name}"
        examples = told["content"][JSON]["examples"].values()
        yield Problem(
            anchor,
            statuses[anchor],
            HTTPStatus(statuses[anchor]).phrase,
            called(name),
            tuple(_case(each["summary"], each["value"]) for each in examples),
            tuple(told["headers"]),
            anchor in general,
        )


def called(name: str) -> str:
    """A name of the document in words: `KeyRefusedPage` is `key refused, on a page`."""
    for suffix, words in (("Anthropic", ", in Anthropic's form"), ("Page", ", on a page")):
        if name.endswith(suffix):
            return called(name.removesuffix(suffix)) + words
    return re.sub(r"(?<=.)([A-Z])", r" \1", name).lower()


def _case(when: str, value: Json) -> Case:
    error = value["error"]
    return Case(inline(when), error["type"], error["code"] or "", pretty(value))

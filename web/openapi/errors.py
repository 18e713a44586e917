"""The two forms in which errors are told, and what each looks like in the document. Pure."""

import re
from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType

from web.errors import GatewayError
from web.openai_proxy.envelope import anthropic_envelope, envelope, error_headers
from web.openapi.operations import Errors, Json, Tells

JSON = "application/json"
HTML = "text/html; charset=utf-8"


class Standing(Struct, frozen=True, kw_only=True):
    """How a model stands that serves nobody just now; null where nothing is known."""

    state: str | UnsetType = UNSET
    job_id: str | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET
    estimated_start: str | UnsetType | None = UNSET
    estimated_ready: str | UnsetType | None = UNSET


class ErrorDetail(Standing, frozen=True, kw_only=True):
    """What went wrong. When a model serves nobody just now, five more tell how it stands."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(Struct, frozen=True):
    """Every answer that is an error, as OpenAI's clients expect it."""

    error: ErrorDetail


class AnthropicErrorDetail(Standing, frozen=True, kw_only=True):
    """What went wrong, under /v1/messages; `type` is Anthropic's word for the status."""

    type: str
    message: str
    code: str | None


class AnthropicErrorEnvelope(Struct, frozen=True):
    """Every answer under /v1/messages that is an error, as Anthropic's clients expect it."""

    type: str
    error: AnthropicErrorDetail


ENVELOPES = {Tells.OPENAI: ErrorEnvelope, Tells.ANTHROPIC: AnthropicErrorEnvelope}


def component_name(errors: Errors, tells: Tells) -> str:
    suffix = {Tells.OPENAI: "", Tells.ANTHROPIC: "Anthropic", Tells.PAGE: "Page"}[tells]
    return f"{errors.name}{suffix}"


def response(errors: Errors, tells: Tells, schema_of: Mapping[type, Json]) -> Json:
    """The answer of one status, with an example for each thing that it can mean."""
    told: Json = {
        "description": "\n".join(
            f"- {when}: {_kind(error, tells)}" for when, error in errors.cases.items()
        ),
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"}
            for name in ("x-request-id", *_headers(errors))
        },
    }
    envelope_type = ENVELOPES.get(tells, ErrorEnvelope)
    examples = {
        _slug(when): {"summary": when, "value": _told(error, tells)}
        for when, error in errors.cases.items()
    }
    told["content"] = {JSON: {"schema": schema_of[envelope_type], "examples": examples}}
    if tells is Tells.PAGE:
        told["content"] = {HTML: {"schema": {"type": "string"}}, **told["content"]}
    return told


def _headers(errors: Errors) -> list[str]:
    """Those that any of the cases has."""
    names = (name for error in errors.cases.values() for name in error_headers(error))
    return [name for name in dict.fromkeys(names) if name != "Content-Type"]


def _kind(error: GatewayError, tells: Tells) -> str:
    told = _told(error, tells)["error"]
    return f"`{told['type']}` / `{told['code']}`" if told["code"] else f"`{told['type']}`"


def _told(error: GatewayError, tells: Tells) -> Json:
    told: Json = anthropic_envelope(error) if tells is Tells.ANTHROPIC else envelope(error)
    return told


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:60]

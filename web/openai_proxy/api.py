"""What reaches engines, and the listings, as the OpenAPI document describes them. Pure.

Bodies and answers of engines are described by what the gateway itself knows of them: the rest is
the engine's, which is asked and answers in its own version of the interface.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from web.openai_proxy.envelope import JSON, error_event
from web.openai_proxy.listing import ModelEntry, ModelList
from web.openai_proxy.refusals import (
    BROKEN_OFF,
    DATABASE_AWAY,
    ENGINE_ERRORS,
    KEPT_ERRORS,
    KEY_REFUSED,
    MODEL,
    MODEL_NOT_FOUND,
    OUR_FAULT,
    RESPONSES_ERRORS,
)
from web.openai_proxy.table import RESPONSE_METHODS, ROUTES, Body, Dialect, Route
from web.openapi.headers import LIMIT_HEADERS, REQUEST_ID, SHARED
from web.openapi.operations import Answer, Json, Operation, Parameter, Shape, Tells, Who
from web.openapi.operations import Body as Described

FORM = "multipart/form-data"
EVENTS = "text/event-stream"
_OPENAI = "https://platform.openai.com/docs/api-reference"
_VLLM = "https://docs.vllm.ai/en/stable/serving/openai_compatible_server.html"
_ANTHROPIC = "https://docs.anthropic.com/en/api"
_SAID = [{"role": "user", "content": "Hello"}]
_RELAYED = ("x-kscope-instance", "x-kscope-overhead-ms")
_ANY_OBJECT: Json = {
    "type": "object",
    "description": "As the engine answers it, byte for byte; the reference says what is in it.",
}
_ENGINES_ERROR = (
    "\n\nWhat the engine itself refuses (a wrong parameter, a prompt that is too long) comes with "
    "its own status and its own words."
)


@dataclass(frozen=True, slots=True)
class _Engine:
    """What is known of a route beside `ROUTES`. `asks`: members of a body that works."""

    summary: str
    reference: str
    asks: Mapping[str, object]
    streams: bool = False


_CHAT = _Engine("Answer a chat", f"{_OPENAI}/chat", {"messages": _SAID}, streams=True)
_TOKENIZE = _Engine("Text to tokens", _VLLM, {"prompt": "Hello"})
_DETOKENIZE = _Engine("Tokens to text", _VLLM, {"tokens": [15339]})
_ENGINES: Mapping[str, _Engine] = {
    "/v1/chat/completions": _CHAT,
    "/v1/chat/completion": replace(_CHAT, summary="The same as /v1/chat/completions"),
    "/v1/completions": _Engine(
        "Continue a text", f"{_OPENAI}/completions", {"prompt": "Once upon a time"}, streams=True
    ),
    "/v1/responses": _Engine(
        "Make a response", f"{_OPENAI}/responses", {"input": "Hello"}, streams=True
    ),
    "/v1/messages": _Engine(
        "Answer a chat, as Anthropic's clients ask",
        f"{_ANTHROPIC}/messages",
        {"messages": _SAID, "max_tokens": 64},
        streams=True,
    ),
    "/v1/messages/count_tokens": _Engine(
        "How many tokens a chat has",
        f"{_ANTHROPIC}/messages-count-tokens",
        {"messages": _SAID},
    ),
    "/v1/embeddings": _Engine("Texts to vectors", f"{_OPENAI}/embeddings", {"input": ["Hello"]}),
    "/v1/rerank": _Engine(
        "Sort documents by what they say of a question",
        _VLLM,
        {"query": "Where?", "documents": ["Here.", "Now."]},
    ),
    "/v1/score": _Engine(
        "How near texts are to each other", _VLLM, {"text_1": "Hello", "text_2": ["Hi", "Bye"]}
    ),
    "/v1/audio/transcriptions": _Engine(
        "Speech to text", f"{_OPENAI}/audio", {"file": "…"}, streams=True
    ),
    "/v1/audio/translations": _Engine(
        "Speech to English text", f"{_OPENAI}/audio", {"file": "…"}, streams=True
    ),
    "/tokenize": _TOKENIZE,
    "/v1/tokenize": _TOKENIZE,
    "/detokenize": _DETOKENIZE,
    "/v1/detokenize": _DETOKENIZE,
}
_KEPT = {
    "": "What became of a response",
    "/cancel": "Stop a response that is made in the background",
}
_MODEL_PATH = Parameter(
    "The model's name or an alias of it; slashes stand as they are.", example=MODEL, place="path"
)
_RESPONSE_ID = Parameter(
    "The id of a response that you have made.", example="resp_0f3c", place="path"
)


def operations() -> tuple[Operation, ...]:
    return (*_listings(), *(_engine(path, route) for path, route in ROUTES.items()), *_kept())


def _listings() -> Iterator[Operation]:
    yield Operation(
        path="/v1/models",
        summary="What you may use",
        description=(
            "Every model that this key may use, running or not, and what is true of it just now. "
            "Answered from memory. `max_model_len` is there as soon as it is known."
        ),
        tag="models",
        who=Who.KEY_ANYHOW,
        answers=(Answer({JSON: ModelList}),),
        errors=(KEY_REFUSED, OUR_FAULT, DATABASE_AWAY),
        reference=f"{_OPENAI}/models",
    )
    yield Operation(
        path="/v1/models/{model}",
        summary="One model",
        description="The same for one model.",
        tag="models",
        who=Who.KEY_ANYHOW,
        parameters={"model": _MODEL_PATH},
        answers=(Answer({JSON: ModelEntry}),),
        errors=(KEY_REFUSED, MODEL_NOT_FOUND, OUR_FAULT, DATABASE_AWAY),
        reference=f"{_OPENAI}/models",
    )


def _engine(path: str, route: Route) -> Operation:
    known = _ENGINES[path]
    told = (
        "Of the body the gateway reads `model`"
        + (" and `stream`" if known.streams else "")
        + "; all of it goes on to an instance of that model, unchanged but for an alias, which "
        "becomes the model's name."
    )
    makes_response = route.dialect is Dialect.RESPONSES
    if makes_response:
        told += " With `previous_response_id` it goes to the instance that keeps that response."
    return Operation(
        path=path,
        summary=known.summary,
        description=told + (_of_streams(route.dialect) if known.streams else "") + _ENGINES_ERROR,
        tag="engines",
        method=route.method.lower(),
        who=Who.KEY_ANYHOW,
        parameters=SHARED,
        body=_body(route, known),
        answers=(_answer(known),),
        errors=RESPONSES_ERRORS if makes_response else ENGINE_ERRORS,
        tells=Tells.ANTHROPIC if route.dialect is Dialect.ANTHROPIC else Tells.OPENAI,
        reference=known.reference,
    )


def _of_streams(dialect: Dialect) -> str:
    event = error_event(BROKEN_OFF, dialect).decode().strip()
    return (
        "\n\nA stream that breaks after its first byte ends in an error and a cut connection, "
        f"never in a clean end:\n\n```\n{event}\n```\n\nThe code is `upstream_disconnected`, or "
        "`upstream_timeout` when the instance fell silent."
    )


def _body(route: Route, known: _Engine) -> Described:
    members: Json = {
        "model": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1024,
            "description": "A name of /v1/models, or an alias.",
        }
    }
    if known.streams:
        members["stream"] = {"type": "boolean", "description": "Whether to answer as events."}
    if route.body is Body.FORM:
        members["file"] = {"type": "string", "format": "binary", "description": "The sound."}
        schema: Json = {"type": "object", "required": ["model"], "properties": members}
        return Described({FORM: schema}, "A form; further fields are the engine's.")
    schema = {"type": "object", "required": ["model"], "properties": members}
    example = {"model": MODEL, **known.asks}
    return Described({JSON: schema}, "An object; further members are the engine's.", example)


def _answer(known: _Engine) -> Answer:
    content: dict[str, Shape] = {JSON: _ANY_OBJECT}
    if known.streams:
        content[EVENTS] = {"type": "string", "description": "With `stream`: events, as they come."}
    headers = (*_RELAYED, *LIMIT_HEADERS, "Preference-Applied")
    return Answer(content, "The engine's answer.", headers)


def _kept() -> Iterator[Operation]:
    for end, method in RESPONSE_METHODS.items():
        yield Operation(
            path=f"/v1/responses/{{response_id}}{end}",
            summary=_KEPT[end],
            description=(
                "Asked of the instance that made the response, for the user who asked for it; "
                f"when that instance has ended, the response is gone.{_ENGINES_ERROR}"
            ),
            tag="engines",
            method=method.lower(),
            who=Who.KEY_ANYHOW,
            parameters={"response_id": _RESPONSE_ID, "x-request-id": REQUEST_ID},
            answers=(Answer({JSON: _ANY_OBJECT}, "The engine's answer.", _RELAYED),),
            errors=KEPT_ERRORS,
            reference=f"{_OPENAI}/responses",
        )

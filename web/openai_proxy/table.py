"""The routes that reach an engine; what is not in this table reaches none, however spelled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Dialect(Enum):
    """How a route tells an error inside a stream, and where it tells its usage."""

    OPENAI = "openai"
    RESPONSES = "responses"
    ANTHROPIC = "anthropic"


class Body(Enum):
    JSON = "json"  # `model` is a member
    FORM = "form"  # multipart/form-data, `model` is a field
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Route:
    engine_path: str
    body: Body = Body.JSON
    dialect: Dialect = Dialect.OPENAI
    # Its streams tell their usage only when `stream_options.include_usage` asks for it.
    asks_for_usage: bool = False
    method: str = "POST"


def _routes() -> dict[str, Route]:
    chat = Route("/v1/chat/completions", asks_for_usage=True)
    routes = {
        "/v1/chat/completions": chat,
        "/v1/chat/completion": chat,
        "/v1/completions": Route("/v1/completions", asks_for_usage=True),
        "/v1/responses": Route("/v1/responses", dialect=Dialect.RESPONSES),
        "/v1/messages": Route("/v1/messages", dialect=Dialect.ANTHROPIC),
        "/v1/messages/count_tokens": Route("/v1/messages/count_tokens", dialect=Dialect.ANTHROPIC),
        "/v1/audio/transcriptions": Route("/v1/audio/transcriptions", Body.FORM),
        "/v1/audio/translations": Route("/v1/audio/translations", Body.FORM),
    }
    for path in ("/v1/embeddings", "/v1/rerank", "/v1/score"):
        routes[path] = Route(path)
    # vLLM knows these two only without /v1.
    for path in ("/tokenize", "/detokenize"):
        routes[path] = routes[f"/v1{path}"] = Route(path)
    return routes


# What a response that an instance keeps can be asked for, and by which method.
RESPONSE_PATH = re.compile(r"/v1/responses/(resp_[A-Za-z0-9_-]{1,140})(/cancel)?")
RESPONSE_METHODS: Mapping[str, str] = {"": "GET", "/cancel": "POST"}


def kept_response(path: str) -> tuple[str, Route] | None:
    """(response id, route) of a path below /v1/responses; None when it is none."""
    found = RESPONSE_PATH.fullmatch(path)
    if found is None:
        return None
    method = RESPONSE_METHODS[found.group(2) or ""]
    return found.group(1), Route(path, Body.NONE, Dialect.RESPONSES, method=method)


def nothing_kept(path: str) -> None:
    """Where no responses are kept."""


ROUTES: Mapping[str, Route] = _routes()
"""Path at the gateway -> route; every one of them takes POST."""

PLAYGROUND: Mapping[str, Route] = {
    "/playground/v1/chat/completions": ROUTES["/v1/chat/completions"],
}
"""Likewise, for who is logged in instead of having a key (`web.portal.door`)."""

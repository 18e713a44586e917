"""By which paths requests get to the engines, and how it is found out who sends them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from web.identity.authenticator import Authenticator
from web.identity.keys import Principal
from web.openai_proxy.table import ROUTES, Route, kept_response, nothing_kept

Environ: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """`identify` raises GatewayError for strangers; `kept` is for paths below /v1/responses."""

    routes: Mapping[str, Route]
    identify: Callable[[Environ], Principal]
    kept: Callable[[str], tuple[str, Route] | None] = nothing_kept


def door_for_keys(authenticator: Authenticator) -> Door:
    def identify(environ: Environ) -> Principal:
        return authenticator.authenticate(key_header(environ))

    return Door(ROUTES, identify, kept_response)


def key_header(environ: Environ) -> str | None:
    """The Authorization header, or what Anthropic's clients say instead, as x-api-key."""
    header: str | None = environ.get("HTTP_AUTHORIZATION")
    if header is None and (key := environ.get("HTTP_X_API_KEY")):
        return f"Bearer {key}"
    return header

"""Which route does what, and who may use it."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable

from slurm.simulator import chat, completions, messages, plain, pooling, responses
from slurm.simulator.engine import Broken
from slurm.simulator.errors import ApiError
from slurm.simulator.exchange import Request, Response
from slurm.simulator.state import State

Route = Callable[[State, Request, Response], Awaitable[None]]
log = logging.getLogger(__name__)
GUARDED = ("/v1", "/v2", "/inference", "/cohere")

ALWAYS: dict[str, dict[str, Route]] = {
    "/v1/models": {"GET": plain.models},
    "/tokenize": {"POST": plain.tokenize},
    "/detokenize": {"POST": plain.detokenize},
    "/health": {"GET": plain.health},
    "/ping": {"GET": plain.health, "POST": plain.health},
    "/version": {"GET": plain.version},
    "/load": {"GET": plain.load},
    "/metrics": {"GET": plain.show_metrics},
}
GENERATING: dict[str, dict[str, Route]] = {
    "/v1/chat/completions": {"POST": chat.create},
    "/v1/completions": {"POST": completions.create},
    "/v1/responses": {"POST": responses.create},
    "/v1/responses/{id}": {"GET": responses.retrieve},
    "/v1/responses/{id}/cancel": {"POST": responses.cancel},
    "/v1/messages": {"POST": messages.create},
    "/v1/messages/count_tokens": {"POST": messages.count_tokens},
}
POOLING: dict[str, dict[str, Route]] = {
    "/v1/embeddings": {"POST": pooling.embeddings},
    "/v1/score": {"POST": pooling.score},
    "/score": {"POST": pooling.score},
    "/v1/rerank": {"POST": pooling.rerank},
    "/v2/rerank": {"POST": pooling.rerank},
    "/rerank": {"POST": pooling.rerank},
}


class Router:
    """Answers every request to one engine; errors become vLLM's error bodies."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._routes = {**ALWAYS, **(POOLING if state.options.pooling else GENERATING)}
        self._keys = [key.encode() for key in state.options.api_keys]

    async def answer(self, request: Request, response: Response) -> None:
        if self._needs_key(request) and not self._has_key(request):
            response.extra_headers = []  # refused before CORS has its say
            response.send_json(401, {"error": "Unauthorized"})
            return
        methods = self._routes.get(_pattern(request.path))
        if methods is None:
            response.send_json(404, {"detail": "Not Found"})
        elif request.method not in methods:
            allow = f"allow: {', '.join(methods)}"
            response.send_json(405, {"detail": "Method Not Allowed"}, allow)
        else:
            await self._run(methods[request.method], request, response)

    async def _run(self, route: Route, request: Request, response: Response) -> None:
        try:
            await route(self._state, request, response)
        except Broken:
            response.cut()
        except ApiError as error:
            response.send_json(error.status, error.body)
        except Exception as error:
            if response.started:
                raise
            log.exception("%s %s failed", request.method, request.path)
            response.send_json(500, ApiError(str(error), status=500).body)

    def _needs_key(self, request: Request) -> bool:
        guarded = request.path.startswith(GUARDED) and request.method != "OPTIONS"
        return bool(self._keys) and guarded

    def _has_key(self, request: Request) -> bool:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        given = key.encode("utf-8", "replace")
        return scheme.lower() == "bearer" and any(
            hmac.compare_digest(given, known) for known in self._keys
        )


def _pattern(path: str) -> str:
    parts = path.split("/")
    if parts[1:3] == ["v1", "responses"] and len(parts) > 3:
        parts[3] = "{id}"
    return "/".join(parts)

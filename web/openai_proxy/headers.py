"""Which headers pass, both ways. Pure.

Towards the engine only what is listed passes: the client's key and cookies are its secrets, and
several headers change vLLM's behaviour (X-data-parallel-rank, X-Session-ID, X-Vllm-Priority).
Towards the client everything passes but what belongs to one connection or to the gateway.
"""

import re
import uuid
from collections.abc import Iterable, Mapping

_TO_ENGINE = ("Content-Type", "Accept", "User-Agent")
_NOT_TO_CLIENT = frozenset(
    {
        # RFC 9110, 7.6.1: meant for one connection only.
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        # Ours to say.
        "date",
        "server",
        "set-cookie",
        "x-request-id",
    }
)
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def to_engine(client: Mapping[str, str], engine_key: str, request_id: str) -> dict[str, str]:
    headers = {name: client[name] for name in _TO_ENGINE if name in client}
    headers["Authorization"] = f"Bearer {engine_key}"
    headers["X-Request-Id"] = request_id
    # The bytes are passed on as they come: a compressed answer would reach a client unasked.
    headers["Accept-Encoding"] = "identity"
    return headers


def to_client(engine: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    pairs = list(engine)
    named = {
        name.strip().lower()
        for key, value in pairs
        if key.lower() == "connection"
        for name in value.split(",")
    }
    dropped = _NOT_TO_CLIENT | named
    return [(key, value) for key, value in pairs if key.lower() not in dropped]


def request_id(presented: str | None) -> str:
    """The client's own id when it is a sane one, else a new one."""
    if presented is not None and _SANE_REQUEST_ID.fullmatch(presented):
        return presented
    return f"req_{uuid.uuid4().hex}"

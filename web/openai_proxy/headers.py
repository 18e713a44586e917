"""Which headers pass, both ways. Pure.

Towards the engine only what is listed passes: the client's key and cookies are its secrets, and
several headers change vLLM's behaviour (X-data-parallel-rank, X-Session-ID, X-Vllm-Priority).
Towards the client everything passes but what belongs to one connection or to the gateway.
"""

import re
import uuid
from collections.abc import Iterable, Mapping

# The variable of the WSGI environment -> the header that goes on to the engine.
_TO_ENGINE = {
    "CONTENT_TYPE": "Content-Type",
    "HTTP_ACCEPT": "Accept",
    "HTTP_ANTHROPIC_VERSION": "anthropic-version",
    "HTTP_ANTHROPIC_BETA": "anthropic-beta",
}
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


def passed_lines(environ: Mapping[str, str]) -> str:
    """The client's header lines that go on to the engine."""
    return "".join(
        f"{name}: {value}\r\n"
        for variable, name in _TO_ENGINE.items()
        if (value := environ.get(variable)) and value.isprintable()
    )


def to_engine(
    method: str,
    path: str,
    netloc: str,
    engine_key: str,
    request_id: str,
    passed: str,
    length: int,
) -> bytes:
    """The head of a request, up to its empty line.

    An answer is asked for uncompressed: its bytes are passed on as they come, and a compressed one
    would reach a client that cannot read it.
    """
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {netloc}\r\nAuthorization: Bearer {engine_key}\r\n"
        f"X-Request-Id: {request_id}\r\nAccept-Encoding: identity\r\n{passed}"
        f"Content-Length: {length}\r\n\r\n"
    ).encode("latin-1")


def to_client(engine: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    pairs = [(name, name.lower(), value) for name, value in engine]
    dropped = _NOT_TO_CLIENT
    for _, lower, value in pairs:
        if lower == "connection":
            # A header that is named there is meant for that connection too.
            dropped = dropped.union(word.strip().lower() for word in value.split(","))
    return [(name, value) for name, lower, value in pairs if lower not in dropped]


def request_id(presented: str | None) -> str:
    """The client's own id when it is a sane one, else a new one."""
    if presented is not None and _SANE_REQUEST_ID.fullmatch(presented):
        return presented
    return f"req_{uuid.uuid4().hex}"

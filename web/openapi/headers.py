"""The headers that the gateway adds to answers, and those of requests that it heeds. Pure."""

from collections.abc import Iterator

from web.openapi.operations import Header, Parameter

_OF_REQUESTS = "of the limit on requests per minute of which the least is left"
_OF_TOKENS = "of the limit on tokens per minute of which the least is left"


def _room(kind: str, limit: str) -> Iterator[tuple[str, Header]]:
    yield f"x-ratelimit-limit-{kind}", Header(f"The number {limit}.", "60", "integer")
    yield (
        f"x-ratelimit-remaining-{kind}",
        Header(f"What is left {limit}.", "59", "integer"),
    )
    yield (
        f"x-ratelimit-reset-{kind}",
        Header(f"How long until all is left again {limit}, if nothing more comes.", "1.5s"),
    )


LIMIT_HEADERS = dict([*_room("requests", _OF_REQUESTS), *_room("tokens", _OF_TOKENS)])
HEADERS = {
    "x-request-id": Header(
        "The name of this request in the logs: the client's own if that is 1 to 128 letters, "
        "digits, dots, hyphens or underscores, else a new one.",
        "req_6f1d0c6f3b9e4b1c9d0f5a7e2c4b8a13",
    ),
    "x-kscope-instance": Header("The instance that answered.", "k3v9q2m7xa"),
    "x-kscope-overhead-ms": Header(
        "Milliseconds that the gateway had the request before the instance got it.",
        "0.41",
        "number",
    ),
    **LIMIT_HEADERS,
    "Preference-Applied": Header("The wait that a `Prefer` header was granted.", "wait=120"),
    "Retry-After": Header("Seconds after which asking again is worth it.", "20", "integer"),
    "x-should-retry": Header(
        "Whether asking again can help. OpenAI's clients obey it whatever the status is.", "true"
    ),
    "WWW-Authenticate": Header("How to present a key.", "Bearer"),
    "Allow": Header("The methods that the path takes.", "POST"),
    "Location": Header("Where to go on.", "/keys"),
    "ETag": Header("Which version of the part this is; send it back as `If-None-Match`.", '"4b1c"'),
}
REQUEST_ID = Parameter(
    "A name for this request, which the answer and the logs repeat: 1 to 128 letters, digits, "
    "dots, hyphens or underscores.",
    example="nightly-evaluation-17",
    place="header",
)
PREFER = Parameter(
    "`wait=N` (RFC 7240): while the model is not ready, hold the request for up to N seconds "
    "instead of answering 503. The gateway has a cap on N and on the number of requests that it "
    "holds. A held stream is silent for 30 s, then begins with status 200 and sends the comment "
    "line `: waiting` every 15 s; from then on a failure arrives as an event.",
    example="wait=300",
    place="header",
)
SESSION_ID = Parameter(
    "Requests with the same value go to the same instance while there is room on it, where the "
    "model's entry says `affinity: session`.",
    example="chat-42",
    place="header",
)
SHARED = {"Prefer": PREFER, "x-request-id": REQUEST_ID, "x-session-id": SESSION_ID}
"""What many operations take."""

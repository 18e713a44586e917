"""Errors as OpenAI's clients expect them: `{"error": {message, type, param, code}}`. Pure."""

from http import HTTPStatus

import msgspec

from web.errors import BadRequest, GatewayError
from web.openai_proxy.table import Dialect

JSON = "application/json"


# Anthropic's types by status; everything else is an api_error.
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def envelope(error: GatewayError) -> dict[str, object]:
    """All four members always, the error's extras beside them (node reads only `.error`)."""
    members = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    return {"error": {**members, **error.extra}}


def anthropic_envelope(error: GatewayError) -> dict[str, object]:
    kind = _ANTHROPIC_TYPES.get(error.status, "api_error")
    members = {"type": kind, "message": error.message, "code": error.code}
    return {"type": "error", "error": {**members, **error.extra}}


def error_body(error: GatewayError, dialect: Dialect = Dialect.OPENAI) -> bytes:
    if dialect is Dialect.ANTHROPIC:
        return msgspec.json.encode(anthropic_envelope(error))
    return msgspec.json.encode(envelope(error))


def error_headers(error: GatewayError) -> dict[str, str]:
    headers = {"Content-Type": JSON, **error.headers}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.should_retry is not None:
        headers["x-should-retry"] = "true" if error.should_retry else "false"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def error_event(error: GatewayError, dialect: Dialect) -> bytes:
    """The error inside a stream that has already begun, as the dialect's clients read it."""
    if dialect is Dialect.RESPONSES:
        event = {"type": "error", "code": error.code, "message": error.message}
        body = msgspec.json.encode({**event, "param": error.param, "sequence_number": 0})
    else:
        body = error_body(error, dialect)
    name = b"" if dialect is Dialect.OPENAI else b"event: error\n"
    return name + b"data: " + body + b"\n\n"


def from_status(status: int, description: str) -> GatewayError:
    """The envelope for what the web framework refuses itself: 404, 405, 413, 415 and the like."""
    error = BadRequest(description or HTTPStatus(status).phrase)
    error.status = status
    if status == 413:
        error.code = "request_too_large"
    return error

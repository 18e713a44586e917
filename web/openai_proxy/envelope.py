"""Errors as OpenAI's clients expect them: `{"error": {message, type, param, code}}`. Pure."""

from http import HTTPStatus

import msgspec

from web.errors import BadRequest, GatewayError

JSON = "application/json"


def envelope(error: GatewayError) -> dict[str, object]:
    """All four members always, the error's extras beside them (node reads only `.error`)."""
    members = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    return {"error": {**members, **error.extra}}


def error_body(error: GatewayError) -> bytes:
    return msgspec.json.encode(envelope(error))


def error_headers(error: GatewayError) -> dict[str, str]:
    headers = {"Content-Type": JSON}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.should_retry is not None:
        headers["x-should-retry"] = "true" if error.should_retry else "false"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def error_event(error: GatewayError) -> bytes:
    """The error inside a chat or completions stream that has already begun."""
    return b"data: " + error_body(error) + b"\n\n"


def from_status(status: int, description: str) -> GatewayError:
    """The envelope for what the web framework refuses itself: 404, 405, 413, 415 and the like."""
    error = BadRequest(description or HTTPStatus(status).phrase)
    error.status = status
    if status == 413:
        error.code = "request_too_large"
    return error

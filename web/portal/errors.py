"""Errors for people: whoever asks for a page is told in one what an API client is told in JSON."""

from flask import Response, g, request

from web.errors import GatewayError
from web.portal.page import page

TITLES = {
    400: "That was not understood",
    401: "Please log in",
    403: "That is not allowed",
    404: "There is no such page",
    405: "That is not possible here",
    413: "That is too large",
    429: "Too many attempts",
    500: "Something went wrong",
    503: "Not just now",
}


def wants_page() -> bool:
    """Browsers say that they take HTML; API clients say JSON, or that they take anything."""
    return "text/html" in request.headers.get("Accept", "")


def error_page(error: GatewayError) -> Response:
    answer = page(
        "error.html",
        title=TITLES.get(error.status, "That did not work"),
        status=error.status,
        message=error.message,
        error_status=error.status,
        request_id=g.get("request_id", ""),
    )
    if error.retry_after_s is not None:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer

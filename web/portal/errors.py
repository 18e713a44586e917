"""Errors for people: whoever asks for a page is told in one what an API client is told in JSON."""

from flask import Response, g, request
from werkzeug.exceptions import default_exceptions

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

# Said where the web framework has only words for those who made the page.
WORDS = {
    400: "Your browser sent something that this page does not understand. Go back and try again.",
    404: "Nothing is at this address: it may be gone, mistyped, or not for you to see.",
    405: "This address is there to be sent a form, not to be looked at.",
    413: "Send less at once.",
}


def wants_page() -> bool:
    """Browsers say that they take HTML; API clients say JSON, or that they take anything."""
    return "text/html" in request.headers.get("Accept", "")


def error_page(error: GatewayError) -> Response:
    answer = page(
        "error.html",
        title=TITLES.get(error.status, "That did not work"),
        status=error.status,
        message=_words(error),
        error_status=error.status,
        request_id=g.get("request_id", ""),
    )
    if error.retry_after_s is not None:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def _words(error: GatewayError) -> str:
    known = default_exceptions.get(error.status)
    is_theirs = known is not None and error.message == known.description
    return WORDS.get(error.status, error.message) if is_theirs else error.message

"""Asking before a deed that cannot be taken back. With JavaScript the page does it by itself and
sends `sure` along; without, the server asks on a page of its own."""

from flask import Response, request

from web.portal.forms import one
from web.portal.page import page

SURE = "sure"
_NOT_KEPT = (SURE, "csrf")


def is_sure() -> bool:
    return one(SURE) == "yes"


def ask(question: str, *, yes: str, back: str) -> Response:
    """The question, with the form as it was sent; `yes` stands on the button, `back` is the way
    out."""
    fields = {name: one(name) for name in request.form if name not in _NOT_KEPT}
    return page(
        "confirm.html", title="Are you sure?", question=question, yes=yes, back=back, fields=fields
    )

"""How a view answers: a page, a live part of one, or the way to the next page."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from flask import Response, current_app, g, make_response, redirect, render_template, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from web.portal.security import drop_cookie, get_cookie, set_cookie

NOTICES = "kscope-notices"
NOTICE_COOKIE = "kscope_notice"
NOTICE_LIFE_S = 60
# Shown in the foot of each page.
VERSION = version("kscope-gateway")
STATIC = Path(__file__).parent / "static"


def page(template: str, *, title: str, status: int = 200, **context: object) -> Response:
    """A whole page. `title` is what the browser's tab and the first heading say."""
    shown = make_response(
        render_template(template, title=title, notice=_notice(), **_layout(), **context), status
    )
    if get_cookie(NOTICE_COOKIE):
        drop_cookie(shown, NOTICE_COOKIE)
    return shown


def fragment(template: str, **context: object) -> Response:
    """A live part, which the browser asks for again and again: 304 when nothing changed."""
    shown = make_response(render_template(template, **_layout(), **context))
    shown.add_etag()
    shown.make_conditional(request)
    return shown


def back_to(path: str) -> Response:
    """After a deed: the page to look at now, so that a reload does not repeat the deed."""
    answer = make_response(redirect(path, 303))
    if told := g.pop("notice", None):
        set_cookie(answer, NOTICE_COOKIE, _signer().dumps(told), NOTICE_LIFE_S)
    return answer


def done(text: str) -> None:
    """What the next page says has been done."""
    g.notice = ("done", text)


def failed(text: str) -> None:
    """What the next page says could not be done, why, and what to do."""
    g.notice = ("failed", text)


@cache
def asset(name: str) -> str:
    """The address of a static file, another one whenever the file changes: kept for ever."""
    digest = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"


def _layout() -> dict[str, object]:
    return {"viewer": g.get("viewer"), "here": request.path, "version": VERSION}


def _notice() -> tuple[str, str] | None:
    if (told := g.pop("notice", None)) is not None:
        kind, text = told
        return kind, text
    try:
        kind, text = _signer().loads(get_cookie(NOTICE_COOKIE), max_age=NOTICE_LIFE_S)
    except (BadSignature, TypeError, ValueError):
        return None
    return kind, text


def _signer() -> URLSafeTimedSerializer:
    # Signed, so that nobody else can put words into this gateway's mouth.
    return URLSafeTimedSerializer(current_app.extensions[NOTICES], "notice")

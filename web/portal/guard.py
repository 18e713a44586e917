"""Who looks at a page, and whether a form is one of ours: asked before any view runs.

A form of ours comes from a page of ours, by what the browser says, and carries what only such a
page could know: for who is logged in, something that belongs to the session; for the form to log
in, something that belongs to a cookie it was given with.
"""

import hmac
from secrets import token_urlsafe
from urllib.parse import quote

from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from werkzeug.exceptions import NotFound

from web.errors import ForeignForm, NotLoggedIn
from web.identity.browser import (
    CSRF_HEADER,
    SESSION_COOKIE,
    comes_from_elsewhere,
    is_from_us,
    is_navigation,
    page_of,
    safe_next,
)
from web.openai_proxy.envelope import error_body, error_headers
from web.portal.forms import one
from web.portal.parts import Parts
from web.portal.security import PORTAL, STATIC, get_cookie
from web.portal.viewer import Viewer

LOGIN = "/login"
ADMIN = "/admin/"
FORM_COOKIE = "kscope_form"
_SAFE = ("GET", "HEAD", "OPTIONS")


def viewer() -> Viewer:
    """Raises NotLoggedIn: a browser is sent to the login, a script gets 401."""
    found: Viewer | None = g.viewer
    if found is None:
        raise NotLoggedIn
    return found


def admin() -> Viewer:
    """Raises NotFound for who is none: for them there is no such page."""
    found = viewer()
    if not found.is_admin:
        raise NotFound
    return found


def install(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.before_app_request
    def enter() -> None:
        g.viewer = None
        # Who strays to where nothing is stays logged in on the page that says so.
        if request.blueprint != PORTAL and request.routing_exception is None:
            return
        if request.endpoint == STATIC:
            return
        if request.path != LOGIN or request.method in _SAFE:
            g.viewer = _find(parts)
        if request.blueprint == PORTAL:
            _check(parts)

    blueprint.register_error_handler(NotLoggedIn, _ask_to_log_in)


def _check(parts: Parts) -> None:
    if f"{request.path}/".startswith(ADMIN):
        admin()
    if request.method not in _SAFE:
        _check_form(parts)


def new_form_token() -> str:
    """What the form to log in is held to: the browser's, or a new one for its FORM_COOKIE."""
    return get_cookie(FORM_COOKIE) or token_urlsafe(32)


def form_csrf(parts: Parts, token: str) -> str:
    """What that form carries. Only the gateway can tell it from the token."""
    return parts.secrets.derive("login-form", token)


def _find(parts: Parts) -> Viewer | None:
    token = get_cookie(SESSION_COOKIE)
    if not token:
        return None
    # A page that keeps itself up to date, with nobody before it, is not to stay logged in for ever.
    somebody_asks = is_navigation(request.headers) or request.method not in _SAFE
    visit = parts.aside.do(lambda: parts.sessions.find(token, keeps_alive=somebody_asks))
    if visit is None:
        return None
    return Viewer(visit.account, visit.csrf, request.remote_addr or "")


def _check_form(parts: Parts) -> None:
    if not is_from_us(request.headers, parts.settings.proxy_base_url):
        raise ForeignForm
    carried = request.headers.get(CSRF_HEADER) or one("csrf")
    if not hmac.compare_digest(carried.encode(), _expected(parts).encode()):
        raise ForeignForm


def _expected(parts: Parts) -> str:
    if request.path != LOGIN:
        return viewer().csrf
    token = get_cookie(FORM_COOKIE)
    if not token:
        raise ForeignForm(
            "Your browser sent no cookie along. Please allow cookies for this site, and open it "
            f"as {parts.settings.proxy_base_url}."
        )
    return form_csrf(parts, token)


def _ask_to_log_in(error: NotLoggedIn) -> Response:
    if not is_navigation(request.headers):
        return Response(error_body(error), error.status, error_headers(error))
    if request.method in _SAFE and comes_from_elsewhere(request.headers):
        # Whoever follows a link in a mail may well be logged in: the browser shows its cookies to
        # a page of ours only, and so this one asks again.
        return make_response(render_template("again.html", address=_here()))
    return make_response(redirect(f"{LOGIN}?next={quote(_wanted(), safe='/')}", 303))


def _here() -> str:
    query = request.query_string.decode("latin-1")
    return safe_next(f"{request.path}?{query}" if query else request.path)


def _wanted() -> str:
    """Where to go after logging in: the page, or that with the form which came too late."""
    if request.method in _SAFE:
        return _here()
    return page_of(request.referrer or "")

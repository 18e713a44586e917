"""What each page forbids the browser, and the cookies that it is given."""

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState

from web.config import Settings
from web.identity.browser import cookie_name, is_https

HEADERS = {
    # No inline script, style or handler, nothing from elsewhere, and no page of ours in a frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`: browsers would then send our own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
PORTAL = "portal"
STATIC = "portal.static"
_BASE_URL = "kscope-base-url"


def install(blueprint: Blueprint, settings: Settings) -> None:
    def remember(state: BlueprintSetupState) -> None:
        state.app.extensions[_BASE_URL] = settings.proxy_base_url

    blueprint.record(remember)
    blueprint.after_app_request(_forbid)


def _forbid(response: Response) -> Response:
    """The portal's answers, and pages that tell an error anywhere else."""
    if request.blueprint != PORTAL and response.mimetype != "text/html":
        return response
    response.headers.update(HEADERS)
    if request.endpoint != STATIC:
        # Not kept: so "back" shows nothing after logging out. Live parts are asked for by ETag.
        kept = "private, no-cache" if "ETag" in response.headers else "no-store"
        response.headers["Cache-Control"] = kept
    return response


def get_cookie(name: str) -> str:
    """Empty when there is none."""
    return request.cookies.get(cookie_name(name, _base_url()), "")


def set_cookie(response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
    """For no script, and for no request that another site begins; with an https PROXY_BASE_URL it
    never travels in clear. max_age_s: None: until the browser closes."""
    response.set_cookie(
        cookie_name(name, _base_url()),
        value,
        max_age=max_age_s,
        path="/",
        secure=is_https(_base_url()),
        httponly=True,
        samesite="Strict",
    )


def drop_cookie(response: Response, name: str) -> None:
    set_cookie(response, name, "", 0)


def _base_url() -> str:
    base_url: str = current_app.extensions[_BASE_URL]
    return base_url

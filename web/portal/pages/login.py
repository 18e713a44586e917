"""`/login` and `/logout`."""

from functools import partial

from flask import Blueprint, Response, g, request

from web.config_login import LoginKind
from web.errors import GatewayError, LoginRefused, LoginThrottled, LoginUnavailable
from web.identity.browser import SESSION_COOKIE, safe_next
from web.portal.forms import asked, one
from web.portal.guard import FORM_COOKIE, LOGIN, form_csrf, new_form_token, viewer
from web.portal.page import back_to, done, page
from web.portal.parts import Parts
from web.portal.security import drop_cookie, get_cookie, set_cookie

WHOSE_PASSWORD = {
    LoginKind.LOCAL: "The account that an administrator of this gateway made for you.",
    LoginKind.LDAP: "The same user name and password as on the cluster.",
    LoginKind.HTPASSWD: "The user name and password that your administrator gave you.",
}


def add(blueprint: Blueprint, parts: Parts) -> None:
    blueprint.add_url_rule(LOGIN, "login", partial(show, parts))
    blueprint.add_url_rule(LOGIN, "log_in", partial(log_in, parts), methods=["POST"])
    blueprint.add_url_rule("/logout", "log_out", partial(log_out, parts), methods=["POST"])


def show(parts: Parts) -> Response:
    wanted = safe_next(asked("next"))
    return back_to(wanted) if g.viewer else _form(parts, wanted)


def log_in(parts: Parts) -> Response:
    wanted, user = safe_next(one("next")), one("user")
    try:
        account = parts.login.attempt(user, one("password"), request.remote_addr or "")
    except (LoginRefused, LoginThrottled, LoginUnavailable) as error:
        return _form(parts, wanted, user, error)
    before = get_cookie(SESSION_COOKIE)

    def begin() -> str:
        # Whoever knew the token of before knows nothing of who is logged in now.
        parts.sessions.end(before)
        return parts.sessions.begin(account.name)

    token = parts.aside.do(begin)
    answer = back_to(wanted)
    set_cookie(answer, SESSION_COOKIE, token)
    drop_cookie(answer, FORM_COOKIE)
    return answer


def log_out(parts: Parts) -> Response:
    """`everywhere`: in all browsers, for who left one open somewhere."""
    leaving, token, everywhere = viewer(), get_cookie(SESSION_COOKIE), one("everywhere") == "yes"

    def end() -> None:
        if everywhere:
            parts.sessions.end_all(leaving.name)
            parts.note(leaving, "logout.everywhere", leaving.name)
        parts.sessions.end(token)

    parts.aside.do(end)
    done("You are logged out in all your browsers." if everywhere else "You are logged out.")
    answer = back_to(LOGIN)
    drop_cookie(answer, SESSION_COOKIE)
    return answer


def _form(parts: Parts, wanted: str, user: str = "", error: GatewayError | None = None) -> Response:
    token = new_form_token()
    answer = page(
        "login/login.html",
        title="Log in",
        status=error.status if error else 200,
        csrf=form_csrf(parts, token),
        wanted=wanted,
        user=user[:255],
        error=error.message if error else "",
        whose_password=WHOSE_PASSWORD[parts.settings.login],
        is_first=not error and _nobody_can_log_in(parts),
    )
    if error and error.retry_after_s:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    set_cookie(answer, FORM_COOKIE, token)
    return answer


def _nobody_can_log_in(parts: Parts) -> bool:
    if parts.settings.login is not LoginKind.LOCAL:
        return False
    return not parts.aside.do(parts.accounts.is_anybody_local)

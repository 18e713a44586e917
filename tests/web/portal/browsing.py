"""A browser without a screen: it keeps cookies, and sends forms as pages of ours do."""

import re
from collections.abc import Mapping, Sequence

from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from tests.web.in_process import InProcess
from web.identity.browser import SESSION_COOKIE
from web.identity.sessions import csrf_of

PASSWORD = "correct horse battery"
# Cheap: how strong it is kept is the business of other tests.
PASSWORD_HASH = generate_password_hash(PASSWORD, "scrypt:1024:8:1")
# What a browser says of a link or a form on a page of ours.
OF_OURS = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
_CSRF = re.compile(r'name="csrf" value="([^"]*)"')
Fields = Mapping[str, str | Sequence[str]]


class Browser:
    def __init__(self, gateway: InProcess, user: str | None = None) -> None:
        """With `user`, who must have an account, already logged in."""
        self.gateway = gateway
        self.client = gateway.app.test_client()
        if user is not None:
            self.client.set_cookie(SESSION_COOKIE, gateway.session(user))

    @property
    def session(self) -> str:
        """The session's token; empty when there is none."""
        cookie = self.client.get_cookie(SESSION_COOKIE)
        return cookie.value if cookie is not None else ""

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=_sent(headers), buffered=True)

    def post(
        self, path: str, fields: Fields | None = None, *, csrf: str | None = None, **headers: str
    ) -> TestResponse:
        """`csrf`: another than that of the session's pages."""
        carried = csrf_of(self.session) if csrf is None else csrf
        data = {"csrf": carried, **(fields or {})}
        return self.client.post(path, data=data, headers=_sent(headers), buffered=True)

    def log_in(
        self, user: object, password: object = PASSWORD, next_: str = "/", **headers: str
    ) -> TestResponse:
        """By the form, as a person does."""
        csrf = csrf_in(self.get("/login"))
        fields = {"user": user, "password": password, "next": next_}
        return self.post("/login", fields, csrf=csrf, **headers)  # type: ignore[arg-type]


def csrf_in(page: TestResponse) -> str:
    """What the forms on a page carry."""
    found = _CSRF.search(page.text)
    assert found, "a form on the page"
    return found[1]


def _sent(changed: Mapping[str, str]) -> dict[str, str]:
    """OF_OURS with changes: Sec_Fetch_Site is Sec-Fetch-Site; an empty value: not sent."""
    named = {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in {**OF_OURS, **named}.items() if value}

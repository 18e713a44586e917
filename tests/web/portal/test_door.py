"""The playground's door to the engines: who gets in, as whom, and who does not.

The models are cold: 503 means past the door.
"""

import threading

import gevent
import pytest
from werkzeug.test import TestResponse

from tests.web.in_process import InProcess, error_of
from tests.web.portal.browsing import Browser
from web.clock import utc_now
from web.identity.sessions import csrf_of
from web.openai_proxy.table import PLAYGROUND

(PATH,) = PLAYGROUND
OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}


def talk(browser: Browser, model: str = "cold", **changed: str | None) -> TestResponse:
    """What the page's script sends; a header that is None is left out."""
    sent = {**OURS, "X-CSRF-Token": csrf_of(browser.session)}
    sent |= {name.replace("_", "-"): value for name, value in changed.items()}
    headers = {name: value for name, value in sent.items() if value is not None}
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    return browser.client.post(PATH, json=body, headers=headers)


def test_who_is_logged_in_gets_to_the_models_without_a_key(gateway: InProcess) -> None:
    answer = talk(Browser(gateway, "bob"))

    assert answer.status_code == 503
    assert error_of(answer)["code"] == "model_starting"
    assert int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("cookie", [None, "", "x" * 43, "no token", "a" * 3000, "é" * 43])
def test_without_a_session_there_is_no_way_in(gateway: InProcess, cookie: str | None) -> None:
    browser = Browser(gateway)
    if cookie is not None:
        browser.client.set_cookie("kscope_session", cookie)
    answer = talk(browser, X_CSRF_Token=csrf_of(cookie or ""))

    assert answer.status_code == 401
    assert error_of(answer)["code"] == "not_logged_in"


def test_a_key_does_not_open_this_door_nor_a_session_the_other(gateway: InProcess) -> None:
    key = gateway.key("bob")
    bob = Browser(gateway, "bob")
    bearer = {"Authorization": f"Bearer {key}"}

    assert gateway.ask("POST", PATH, key, {"model": "cold"}).status_code == 401
    other = bob.client.post("/v1/chat/completions", json={"model": "cold"}, headers=OURS)
    assert other.status_code == 401
    assert talk(bob, **bearer).status_code == 503, "a key beside the session changes nothing"


@pytest.mark.parametrize(
    "changed",
    [
        {"X_CSRF_Token": None},
        {"X_CSRF_Token": ""},
        {"X_CSRF_Token": "0" * 64},
        {"X_CSRF_Token": "é"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_csrf_what_a_page_of_another_site_asks_for_is_refused(
    gateway: InProcess, changed: dict[str, str | None]
) -> None:
    answer = talk(Browser(gateway, "bob"), **changed)

    assert answer.status_code == 403
    assert error_of(answer)["code"] == "foreign_form"


def test_the_token_of_another_session_does_not_count(gateway: InProcess) -> None:
    ada, bob = Browser(gateway, "ada"), Browser(gateway, "bob")

    assert talk(bob, X_CSRF_Token=csrf_of(ada.session)).status_code == 403


def test_each_talks_to_the_models_of_their_own_groups_only(gateway: InProcess) -> None:
    ada, bob, root = (Browser(gateway, name) for name in ("ada", "bob", "root"))

    assert talk(ada, "lab").status_code == 503
    # Administrators are no exception.
    for browser in (bob, root):
        assert error_of(talk(browser, "lab"))["code"] == "model_not_found"
        assert error_of(talk(browser, "laboratory"))["code"] == "model_not_found"
    unknown = error_of(talk(bob, "nothing"))["message"]
    assert unknown == str(error_of(talk(bob, "lab"))["message"]).replace("lab", "nothing")


def test_who_is_disabled_or_logged_out_is_out_at_once(gateway: InProcess) -> None:
    ada, bob = Browser(gateway, "ada"), Browser(gateway, "bob")
    gateway.accounts.disable("ada", "root", utc_now())
    session = bob.session
    bob.post("/logout")
    bob.client.set_cookie("kscope_session", session)

    assert talk(ada).status_code == 401
    assert talk(bob).status_code == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_the_door_takes_post_only(gateway: InProcess, method: str) -> None:
    answer = Browser(gateway, "bob").client.open(PATH, method=method)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "/playground/v1",
        "/playground/v1/models",
        "/playground/v1/completions",
        "/playground/v1/chat/completion",
        "/playground/v1/chat/completions/",
        "/playground/v1/responses/resp_1",
        "/playground//v1/chat/completions",
    ],
)
def test_nothing_else_of_an_engine_is_behind_the_door(gateway: InProcess, path: str) -> None:
    bob = Browser(gateway, "bob")
    headers = {**OURS, "X-CSRF-Token": csrf_of(bob.session)}

    assert bob.client.post(path, json={"model": "cold"}, headers=headers).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": 3}', b'{"model": ""}', b"\xff"])
def test_bad_input_is_refused_as_it_is_at_the_other_door(gateway: InProcess, body: bytes) -> None:
    bob = Browser(gateway, "bob")
    headers = {**OURS, "X-CSRF-Token": csrf_of(bob.session), "Content-Type": "application/json"}
    keyed = {"Authorization": f"Bearer {gateway.key('bob')}", "Content-Type": "application/json"}

    here = bob.client.post(PATH, data=body, headers=headers)
    there = bob.client.post("/v1/chat/completions", data=body, headers=keyed)

    assert here.status_code == there.status_code == 400
    assert error_of(here) == error_of(there)


def test_a_session_that_talks_is_kept_alive_by_it(gateway: InProcess, monkeypatch) -> None:
    found = []
    sessions = "web.identity.sessions.Sessions.find"

    def find(self: object, token: str, *, keeps_alive: bool = True) -> None:
        found.append(keeps_alive)

    browser = Browser(gateway, "bob")
    monkeypatch.setattr(sessions, find)

    assert talk(browser).status_code == 401
    assert found == [True]


def test_streams_go_on_while_a_session_is_looked_up(gateway: InProcess, monkeypatch) -> None:
    """One thread serves all streams; a database that is slow holds it up as long as it takes."""
    went_on = threading.Event()
    told = []

    def find(self: object, token: str, *, keeps_alive: bool = True) -> None:
        told.append(went_on.wait(5))

    browser = Browser(gateway, "bob")
    monkeypatch.setattr("web.identity.sessions.Sessions.find", find)
    asking = gevent.spawn(talk, browser)
    streaming = gevent.spawn(went_on.set)
    gevent.joinall([asking, streaming], timeout=10, raise_error=True)

    assert told == [True]
    assert asking.value.status_code == 401

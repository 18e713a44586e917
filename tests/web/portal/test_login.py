"""Logging in and out: sessions, fixation, foreign forms, throttling, where one lands."""

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import PASSWORD, PASSWORD_HASH, Browser, csrf_in
from web.clock import utc_now
from web.database import StorageError
from web.errors import LoginUnavailable
from web.identity.browser import SESSION_COOKIE
from web.identity.login import Login
from web.identity.sessions import Sessions
from web.portal.guard import FORM_COOKIE


@pytest.fixture(autouse=True)
def passwords(gateway: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """ada has one; refusals are told at once, which tests of Login hold to take their time."""
    gateway.accounts.set_password_hash("ada", PASSWORD_HASH)
    monkeypatch.setattr("web.identity.login.LEAST_REFUSAL_S", 0.0)


def test_a_right_password_opens_the_page_that_was_asked_for(gateway: InProcess) -> None:
    browser = Browser(gateway)

    answer = browser.log_in("ada", next_="/keys?page=2")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/keys?page=2")
    assert "ada" in browser.get("/keys").text


def test_who_is_logged_in_already_goes_on(gateway: InProcess) -> None:
    answer = Browser(gateway, "ada").get("/login?next=/keys")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/keys")


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("ada", "\0"),
        ("ada", f"{PASSWORD}\0"),
        ("ada", f" {PASSWORD}"),
        ("ada", PASSWORD.upper()),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("*", PASSWORD),
        ("x)(|(uid=*", PASSWORD),
        ("ada\0", PASSWORD),
        ("ａｄａ", PASSWORD),
        ("ada' OR '1'='1", PASSWORD),
        ("bob", ""),
    ],
)
def test_whatever_is_wrong_is_refused_in_the_same_words(
    gateway: InProcess, user: str, password: str
) -> None:
    browser = Browser(gateway)

    answer = browser.log_in(user, password)

    assert answer.status_code == 401
    assert "do not go together" in answer.text
    assert not browser.session
    assert password == "" or password not in answer.text, "no page repeats a password"


def test_a_disabled_user_is_refused_in_the_same_words(gateway: InProcess) -> None:
    gateway.accounts.disable("ada", "root", utc_now())

    answer = Browser(gateway).log_in("ada")

    assert answer.status_code == 401
    assert "do not go together" in answer.text


@pytest.mark.parametrize("field", ["user", "password", "next"])
def test_a_field_said_twice_is_refused(gateway: InProcess, field: str) -> None:
    browser = Browser(gateway)
    fields = {"user": "ada", "password": PASSWORD, "next": "/"}
    csrf = csrf_in(browser.get("/login"))

    answer = browser.post("/login", {**fields, field: [fields[field], "x"]}, csrf=csrf)

    assert answer.status_code == 400
    assert not browser.session


def test_what_was_typed_is_no_markup(gateway: InProcess) -> None:
    answer = Browser(gateway).log_in('"><script>alert(1)</script>{{ 7 * 7 }}', "wrong")

    assert "<script>alert" not in answer.text
    assert "{{ 7 * 7 }}" in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_login_begins_a_session_of_its_own_and_ends_that_of_before(gateway: InProcess) -> None:
    """Session fixation: who planted or knew the token of before is nobody afterwards."""
    browser = Browser(gateway, "bob")
    before = browser.session
    browser.client.delete_cookie(SESSION_COOKIE)
    csrf = csrf_in(browser.get("/login"))
    browser.client.set_cookie(SESSION_COOKIE, before)

    browser.post("/login", {"user": "ada", "password": PASSWORD}, csrf=csrf)

    assert browser.session not in ("", before)
    assert gateway.sessions.find(before) is None


def test_a_token_that_we_did_not_give_stays_nobodys(gateway: InProcess) -> None:
    planted = "A" * 43
    browser = Browser(gateway)
    browser.client.set_cookie(SESSION_COOKIE, planted)

    browser.log_in("ada")

    assert browser.session != planted
    assert gateway.sessions.find(planted) is None


def test_a_refused_login_leaves_the_session_of_before(gateway: InProcess) -> None:
    browser = Browser(gateway, "bob")
    browser.client.set_cookie(FORM_COOKIE, "given")
    before = browser.session

    answer = browser.post("/login", {"user": "ada", "password": "wrong"}, csrf="x")

    assert answer.status_code == 403
    assert browser.session == before
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("csrf", ["", "x", "0" * 43])
def test_a_login_without_the_right_token_is_refused(gateway: InProcess, csrf: str) -> None:
    """Login CSRF: nobody is logged in as somebody else without noticing."""
    browser = Browser(gateway)
    browser.get("/login")

    answer = browser.post("/login", {"user": "ada", "password": PASSWORD}, csrf=csrf)

    assert answer.status_code == 403
    assert not browser.session


def test_the_token_of_another_browsers_form_is_not_the_right_one(gateway: InProcess) -> None:
    csrf = csrf_in(Browser(gateway).get("/login"))
    browser = Browser(gateway)
    browser.get("/login")

    answer = browser.post("/login", {"user": "ada", "password": PASSWORD}, csrf=csrf)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null", "Sec_Fetch_Site": ""},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_a_login_from_another_site_is_refused(gateway: InProcess, headers: dict[str, str]) -> None:
    browser = Browser(gateway)

    answer = browser.log_in("ada", **headers)

    assert answer.status_code == 403
    assert not browser.session


def test_a_browser_without_cookies_is_told_what_is_wrong(gateway: InProcess) -> None:
    browser = Browser(gateway)
    csrf = csrf_in(browser.get("/login"))
    browser.client.delete_cookie(FORM_COOKIE)

    answer = browser.post("/login", {"user": "ada", "password": PASSWORD}, csrf=csrf)

    assert answer.status_code == 403
    assert "allow cookies" in answer.text
    assert "http://127.0.0.1:25567" in answer.text


def test_two_tabs_with_the_form_both_work(gateway: InProcess) -> None:
    browser = Browser(gateway)
    first, second = csrf_in(browser.get("/login")), csrf_in(browser.get("/login"))

    assert first == second
    answer = browser.post("/login", {"user": "ada", "password": PASSWORD}, csrf=first)
    assert answer.status_code == 303


def test_who_became_somebody_in_another_tab_can_still_try_again(gateway: InProcess) -> None:
    browser = Browser(gateway)
    csrf = csrf_in(browser.get("/login"))
    browser.client.set_cookie(SESSION_COOKIE, gateway.session("bob"))
    refused = browser.post("/login", {"user": "ada", "password": "wrong"}, csrf=csrf)

    again = {"user": "ada", "password": PASSWORD}
    answer = browser.post("/login", again, csrf=csrf_in(refused))

    assert (refused.status_code, answer.status_code) == (401, 303)


def test_wrong_passwords_slow_down_and_the_page_says_so(gateway: InProcess) -> None:
    browser = Browser(gateway)
    answers = [browser.log_in("ada", "wrong") for _ in range(7)]

    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    throttled = answers[-1]
    assert throttled.status_code == 429
    assert int(throttled.headers["Retry-After"]) >= 1
    assert "Too many attempts to log in. Please try again in" in throttled.text
    assert browser.log_in("ada").status_code == 429, "a right password has to wait as well"


def test_a_directory_that_is_away_is_told_as_such(
    gateway: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise LoginUnavailable

    monkeypatch.setattr(Login, "attempt", away)

    answer = Browser(gateway).log_in("ada")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "directory of users does not answer" in answer.text
    assert 'name="password"' in answer.text, "with the form to try again"


def test_without_the_database_nobody_is_logged_in(
    gateway: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = Browser(gateway, "ada")

    def away(*_: object, **__: object) -> None:
        raise StorageError("away")

    monkeypatch.setattr(Sessions, "find", away)

    answer = ada.get("/keys")

    assert answer.status_code == 503
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("next_", ["//evil.example", "/\\evil.example", "https:evil.example"])
def test_nobody_lands_on_another_site(gateway: InProcess, next_: str) -> None:
    assert Browser(gateway).log_in("ada", next_=next_).headers["Location"] == "/"


@pytest.mark.parametrize("next_", ["//evil.example", "/\\evil.example", "https:evil.example"])
def test_nor_does_who_is_logged_in_already(gateway: InProcess, next_: str) -> None:
    answer = Browser(gateway, "ada").client.get("/login", query_string={"next": next_})

    assert answer.headers["Location"] == "/"


def test_logging_out_ends_the_session_and_no_other(gateway: InProcess) -> None:
    browser, other = Browser(gateway, "ada"), Browser(gateway, "ada")
    token = browser.session

    answer = browser.post("/logout")

    assert answer.headers["Location"] == "/login"
    assert "You are logged out." in browser.get("/login").text
    assert not browser.session
    assert gateway.sessions.find(token) is None, "not in this browser only: the token is void"
    assert other.get("/").status_code == 200


def test_logging_out_everywhere_ends_all_sessions(gateway: InProcess) -> None:
    browsers = [Browser(gateway, "ada") for _ in range(3)]
    bob = Browser(gateway, "bob")

    browsers[0].post("/logout", {"everywhere": "yes"})

    assert [browser.get("/").status_code for browser in browsers] == [303] * 3
    assert bob.get("/").status_code == 200


def test_a_link_logs_nobody_out(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")

    assert ada.get("/logout").status_code == 405
    assert ada.get("/").status_code == 200


def test_a_new_gateway_tells_how_to_make_the_first_user(gateway: InProcess) -> None:
    assert "kscope users create" not in Browser(gateway).get("/login").text

    for name in ("ada", "bob", "root"):
        gateway.accounts.set_password_hash(name, None)

    assert "kscope users create" in Browser(gateway).get("/login").text

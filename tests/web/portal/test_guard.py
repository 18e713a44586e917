"""Who may see pages, and whose forms are believed."""

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.clock import utc_now
from web.identity.browser import CSRF_HEADER, SESSION_COOKIE
from web.identity.sessions import Sessions, Visit, csrf_of

DEED = "/logout"


def test_who_is_not_logged_in_is_sent_to_the_login_and_back_again(gateway: InProcess) -> None:
    answer = Browser(gateway).get("/keys?page=2&q=a%20b")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=/keys%3Fpage%3D2%26q%3Da%2520b"


def test_a_script_of_a_page_is_told_401_instead(gateway: InProcess) -> None:
    for how in ({"Sec_Fetch_Mode": "cors"}, {"Sec_Fetch_Mode": "", "X_Requested_With": "fetch"}):
        answer = Browser(gateway).get("/keys", **how)

        assert answer.status_code == 401
        assert answer.get_json()["error"]["code"] == "not_logged_in"


def test_a_form_that_comes_too_late_leads_back_to_the_page_with_the_form(
    gateway: InProcess,
) -> None:
    ada = Browser(gateway, "ada")
    csrf = "whatever"
    ada.client.delete_cookie(SESSION_COOKIE)

    answer = ada.post("/keys", csrf=csrf, Referer="http://localhost/keys/new")

    assert answer.headers["Location"] == "/login?next=/keys/new"


@pytest.mark.parametrize("referer", ["", "http://[", "http://a]b/keys", "/\\evil.example", "é"])
def test_a_form_that_came_from_nowhere_leads_to_the_start_page(gateway, referer) -> None:
    ada = Browser(gateway, "ada")
    ada.client.delete_cookie(SESSION_COOKIE)

    answer = ada.post("/keys", csrf="whatever", Referer=referer)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/")


def test_a_link_on_another_site_is_answered_by_a_page_that_asks_again(gateway: InProcess) -> None:
    """A browser keeps a strict cookie back when it comes from elsewhere; asked by a page of ours,
    it sends it."""
    answer = Browser(gateway).get("/models?q=%22%3E<b>", Sec_Fetch_Site="cross-site")

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/models?q=%22%3E' in answer.text
    assert "<b>" not in answer.text
    assert "log in" not in answer.text.lower()


def test_the_page_that_asked_again_is_not_answered_so_twice(gateway: InProcess) -> None:
    assert Browser(gateway).get("/models", Sec_Fetch_Site="same-origin").status_code == 303


def test_a_disabled_user_is_out_at_the_next_request_and_stays_out_when_enabled_again(
    gateway: InProcess,
) -> None:
    ada = Browser(gateway, "ada")
    assert ada.get("/").status_code == 200

    gateway.accounts.disable("ada", "root", utc_now())
    disabled = ada.get("/").status_code
    gateway.accounts.enable("ada")

    assert (disabled, ada.get("/").status_code) == (303, 303)


def test_who_is_no_administrator_any_more_is_none_at_the_next_request(gateway: InProcess) -> None:
    root = Browser(gateway, "root")
    assert root.get("/admin").status_code == 200

    gateway.accounts.set_admin("root", False)

    assert root.get("/admin").status_code == 404


@pytest.mark.parametrize("path", ["/admin", "/admin/users", "/admin/nothing"])
def test_for_who_is_no_administrator_there_are_no_admin_pages(
    gateway: InProcess, path: str
) -> None:
    nothing = Browser(gateway, "ada").get("/nothing")
    answer = Browser(gateway, "ada").get(path)

    assert answer.status_code == 404
    for page in (nothing, answer):
        assert "There is no such page" in page.text


def test_a_form_of_ours_is_believed(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")

    assert ada.post(DEED).headers["Location"] == "/login"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Sec_Fetch_Site": ""},
        {"Origin": "null", "Sec_Fetch_Site": ""},
        {"Origin": "http://localhost:81", "Sec_Fetch_Site": ""},
        {"Origin": "http://localhost.evil.example", "Sec_Fetch_Site": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_a_foreign_form_is_refused_whatever_it_carries(
    gateway: InProcess, headers: dict[str, str]
) -> None:
    ada = Browser(gateway, "ada")

    answer = ada.post(DEED, **headers)

    assert answer.status_code == 403
    assert "another site" in answer.text
    assert ada.get("/").status_code == 200, "and it did nothing"


@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost", "HTTP://LOCALHOST"])
def test_our_own_origin_is_ours_under_the_name_that_the_browser_uses(
    gateway: InProcess, origin: str
) -> None:
    assert Browser(gateway, "ada").post(DEED, Origin=origin).status_code == 303


@pytest.mark.parametrize("csrf", ["", "x", "0" * 64, "é", "\0"])
def test_a_form_without_the_right_token_is_refused(gateway: InProcess, csrf: str) -> None:
    ada = Browser(gateway, "ada")

    assert ada.post(DEED, csrf=csrf).status_code == 403
    assert ada.get("/").status_code == 200


def test_the_token_of_another_session_is_not_the_right_one(gateway: InProcess) -> None:
    ada, other = Browser(gateway, "ada"), Browser(gateway, "ada")
    csrf = csrf_of(other.session)

    assert ada.post(DEED, csrf=csrf).status_code == 403
    assert other.post(DEED, csrf=csrf).status_code == 303


def test_a_token_said_twice_is_refused(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    csrf = csrf_of(ada.session)

    assert ada.post(DEED, {"csrf": [csrf, csrf]}).status_code == 400


def test_a_script_sends_the_token_in_a_header(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    csrf = csrf_of(ada.session)

    answer = ada.post(DEED, csrf="", **{CSRF_HEADER: csrf, "Sec_Fetch_Mode": "cors"})

    assert answer.status_code == 303


def test_junk_in_the_cookie_is_nobody(gateway: InProcess) -> None:
    for junk in ("x", "a" * 43, "a" * 4000, "' OR 1=1 --", '"', "%00"):
        stranger = Browser(gateway)
        stranger.client.set_cookie(SESSION_COOKIE, junk)

        assert stranger.get("/").status_code == 303


def test_a_key_opens_no_page_and_a_session_no_api(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")

    with_key = Browser(gateway).get("/keys", Authorization=f"Bearer {gateway.key('ada')}")
    assert with_key.status_code == 303
    assert ada.get("/v1/models").status_code == 401
    as_a_key = {"Authorization": f"Bearer {ada.session}"}
    assert gateway.ask_with(as_a_key, "GET", "/v1/models").status_code == 401


def test_a_page_that_keeps_itself_up_to_date_keeps_nobody_logged_in(
    gateway: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    find = Sessions.find

    def noted(self: Sessions, token: str, *, keeps_alive: bool = True) -> Visit | None:
        asked.append(keeps_alive)
        return find(self, token, keeps_alive=keeps_alive)

    monkeypatch.setattr(Sessions, "find", noted)
    ada = Browser(gateway, "ada")

    ada.get("/", Sec_Fetch_Mode="cors")
    ada.get("/")
    ada.post(DEED, Sec_Fetch_Mode="cors")

    assert asked == [False, True, True]

"""What goes along with each page: what the browser may not do with it, and its cookies."""

import re
from pathlib import Path

import pytest

from tests.web.in_process import InProcess, in_process
from tests.web.portal.browsing import PASSWORD, PASSWORD_HASH, Browser, csrf_in
from web.clock import utc_now

TEMPLATES = Path(__file__).parents[3] / "web" / "portal" / "templates"
PAGES = ("/", "/keys", "/keys/new", "/login", "/nothing", "/admin", "/logout", "/v1/nothing")


@pytest.mark.parametrize("user", [None, "ada"])
def test_every_page_and_every_refusal_forbids_frames_and_what_is_not_ours(
    gateway: InProcess, user: str | None
) -> None:
    """Framing, and whatever a hole in a page could be used for."""
    for path in PAGES:
        headers = Browser(gateway, user).get(path).headers
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in headers["Content-Security-Policy"].split(";")
        )

        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_not_kept_so_that_going_back_shows_nothing_after_logging_out(
    gateway: InProcess,
) -> None:
    for path in PAGES:
        assert Browser(gateway, "ada").get(path).headers["Cache-Control"] == "no-store"


def test_live_parts_are_asked_for_again_but_not_sent_again(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    first = ada.get("/live/home", Sec_Fetch_Mode="cors")

    again = ada.get("/live/home", Sec_Fetch_Mode="cors", If_None_Match=first.headers["ETag"])

    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    assert first.headers["Cache-Control"] == "private, no-cache"


def test_static_files_are_kept_under_an_address_that_changes_with_them(gateway: InProcess) -> None:
    (address,) = re.findall(
        r'href="(/static/portal\.css[^"]*)"', Browser(gateway).get("/login").text
    )

    kept = Browser(gateway).get(address).headers["Cache-Control"]
    bare = Browser(gateway).get("/static/portal.css").headers["Cache-Control"]

    assert "immutable" in kept
    assert "immutable" not in bare


def test_an_answer_of_the_api_is_no_page_and_has_none_of_this(gateway: InProcess) -> None:
    answer = gateway.ask("GET", "/v1/models", gateway.key("ada"))

    assert "Content-Security-Policy" not in answer.headers


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_has_what_the_policy_forbids(path: Path) -> None:
    text = path.read_text()

    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "a script of its own"
    assert not re.search(r"<[a-z][^>]*\sstyle=|<style", text), "a style of its own"
    assert not re.search(r"<[a-z][^>]*\son[a-z]+=", text), "a handler"
    assert "javascript:" not in text
    assert "| safe" not in text.replace("|safe", "| safe"), "everything is escaped"
    assert "autoescape false" not in text


@pytest.mark.parametrize("https", [True, False])
def test_cookies_are_strict_and_with_https_never_in_clear(tmp_path: Path, https: bool) -> None:
    url = "https://llm.cluster.example" if https else "http://llm.cluster.example"
    gateway = in_process(tmp_path, {"PROXY_BASE_URL": url})
    gateway.accounts.create("ada", "local", password_hash=PASSWORD_HASH, now=utc_now())
    client = gateway.app.test_client()

    form = client.get("/login", base_url=url)
    fields = {"user": "ada", "password": PASSWORD, "csrf": csrf_in(form)}
    answer = client.post("/login", data=fields, base_url=url)
    gateway.database.close()

    given = [*form.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")]
    assert answer.status_code == 303
    assert len(given) == 3
    for cookie in given:
        attributes = {part.strip() for part in cookie.split(";")[1:]}
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= attributes
        assert not any(part.startswith("Domain") for part in attributes)
        assert ("Secure" in attributes) == cookie.startswith("__Host-") == https

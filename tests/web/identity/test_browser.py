"""What is believed of a browser: its cookies, where a form comes from, where to go next."""

import pytest
from werkzeug.datastructures import Headers

from web.identity.browser import (
    SESSION_COOKIE,
    comes_from_elsewhere,
    is_from_us,
    is_navigation,
    safe_next,
    session_token,
)

HTTP, HTTPS = "http://gate.example:25567", "https://llm.cluster.example"
UNSAFE = (
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    " //evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "@evil.example",
    "/keys\r\nSet-Cookie: a=b",
    "/k\u00e9ys",
    "/" + "a" * 3000,
    "/login",
    "/login?next=/login",
    "/logout",
    "",
)
SAFE = (
    "/",
    "/keys",
    "/keys?page=2&q=a%20b",
    "/models/meta-llama/Llama-3.1-8B",
    "/models?q=https://x",
    "/login-help",
    "/%2Fevil.example",
)


@pytest.mark.parametrize("address", UNSAFE)
def test_what_a_browser_could_take_for_another_site_leads_to_the_start_page(address: str) -> None:
    assert safe_next(address) == "/"


@pytest.mark.parametrize("address", SAFE)
def test_a_page_of_ours_is_where_to_go_next(address: str) -> None:
    assert safe_next(address) == address


@pytest.mark.parametrize(
    ("base_url", "headers", "is_ours"),
    [
        (HTTP, {}, True),
        (HTTP, {"Origin": HTTP}, True),
        (HTTP, {"Origin": "http://localhost:8000", "Host": "localhost:8000"}, True),
        # A server in front that does TLS, which PROXY_BASE_URL knows nothing of.
        (HTTP, {"Origin": "https://gate.example", "Host": "gate.example"}, True),
        (HTTP, {"Origin": "http://evil.example", "Host": "gate.example"}, False),
        (HTTP, {"Origin": "http://gate.example", "Host": "gate.example:25567"}, False),
        (HTTP, {"Origin": "null", "Host": "null"}, False),
        (HTTP, {"Origin": ""}, False),
        (HTTPS, {"Origin": HTTPS, "Host": "inside:25567"}, True),
        (HTTPS, {"Origin": "http://llm.cluster.example", "Host": "llm.cluster.example"}, False),
        (HTTPS, {"Origin": "https://other.example", "Host": "other.example"}, False),
        (HTTPS, {"Origin": f"{HTTPS}.evil.example"}, False),
        (HTTP, {"Sec-Fetch-Site": "same-origin"}, True),
        # Typed, or a form sent again by reloading.
        (HTTP, {"Sec-Fetch-Site": "none"}, True),
        (HTTP, {"Sec-Fetch-Site": "same-site"}, False),
        (HTTP, {"Sec-Fetch-Site": "cross-site", "Origin": HTTP}, False),
        (HTTP, {"Sec-Fetch-Site": "junk"}, False),
    ],
)
def test_a_deed_is_asked_for_by_a_page_of_ours(
    base_url: str, headers: dict[str, str], is_ours: bool
) -> None:
    assert is_from_us(Headers(headers), base_url) is is_ours


@pytest.mark.parametrize(
    ("headers", "is_page"),
    [
        ({}, True),
        ({"Sec-Fetch-Mode": "navigate"}, True),
        ({"Sec-Fetch-Mode": "cors"}, False),
        ({"Sec-Fetch-Mode": "same-origin"}, False),
        ({"X-CSRF-Token": "x"}, False),
        ({"X-Requested-With": "fetch"}, False),
    ],
)
def test_a_page_to_show_is_told_from_what_a_script_asks(
    headers: dict[str, str], is_page: bool
) -> None:
    assert is_navigation(Headers(headers)) is is_page


def test_only_a_link_that_another_site_shows_comes_from_elsewhere() -> None:
    def elsewhere(site: str, mode: str) -> bool:
        return comes_from_elsewhere(Headers({"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}))

    assert elsewhere("cross-site", "navigate")
    assert elsewhere("same-site", "navigate")
    assert not elsewhere("same-origin", "navigate")
    assert not elsewhere("none", "navigate")
    assert not elsewhere("cross-site", "no-cors")


@pytest.mark.parametrize(
    ("header", "base_url", "token"),
    [
        (None, HTTP, ""),
        ("", HTTP, ""),
        (f"{SESSION_COOKIE}=t", HTTP, "t"),
        (f"a=b; {SESSION_COOKIE}=t; c=d", HTTP, "t"),
        # What others' servers on this host gave the browser, however they spell it.
        (f'bad "=[; {SESSION_COOKIE}=t', HTTP, "t"),
        (f"__Host-{SESSION_COOKIE}=t", HTTPS, "t"),
        # Anybody on the way could have set this one.
        (f"{SESSION_COOKIE}=t", HTTPS, ""),
        (f"__Host-{SESSION_COOKIE}=t", HTTP, ""),
    ],
)
def test_the_session_is_found_among_other_cookies(
    header: str | None, base_url: str, token: str
) -> None:
    assert session_token(header, base_url) == token

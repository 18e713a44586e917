"""What other sites can do to who is logged in here, in a real browser: lead here, and no more."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Portal
from tests.browser.world import USER

ELSEWHERE = "http://elsewhere.example/"
# The same site to a browser, as far as cookies go, for they know no ports; but another origin.
NEXT_DOOR = "http://127.0.0.1:59999/"
Opened = Callable[[str, str], Page]


@pytest.fixture
def opened(browser: Browser, portal: Portal) -> Iterator[Opened]:
    """A page of another site, in the browser of somebody who is logged in at the gateway."""
    context = browser.new_context(storage_state=portal.cookies(USER))

    def open_(address: str, html: str) -> Page:
        def answer(route: Route) -> None:
            route.fulfill(content_type="text/html", body=f"<!doctype html>{html}")

        context.route(f"{address}**", answer)
        page = context.new_page()
        page.goto(address)
        return page

    yield open_
    context.close()


@pytest.mark.parametrize("address", [ELSEWHERE, NEXT_DOOR])
def test_a_link_on_another_site_leads_to_the_page_for_who_is_logged_in(
    portal: Portal, opened: Opened, address: str
) -> None:
    """A strict cookie stays back at first: the page that asks again brings it along."""
    page = opened(address, f'<a href="{portal.gateway.base_url}/keys?q=%22a">keys</a>')

    page.get_by_role("link").click()

    expect(page).to_have_url(f"{portal.gateway.base_url}/keys?q=%22a")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your API keys")


@pytest.mark.parametrize("address", [ELSEWHERE, NEXT_DOOR])
@pytest.mark.parametrize("deed", ["/logout", "/keys", "/login"])
def test_a_form_on_another_site_does_nothing(
    portal: Portal, opened: Opened, address: str, deed: str
) -> None:
    form = f'<form method="post" action="{portal.gateway.base_url}{deed}"><button>win</button>'
    page = opened(address, form)

    with page.expect_response(f"**{deed}") as told:
        page.get_by_role("button").click()

    assert told.value.status == 403
    page.goto(portal.gateway.base_url)
    expect(page.get_by_role("button", name="Log out", exact=True)).to_be_visible()


@pytest.mark.parametrize("address", [ELSEWHERE, NEXT_DOOR])
def test_another_site_cannot_show_a_page_of_ours_in_a_frame(
    portal: Portal, opened: Opened, address: str
) -> None:
    page = opened(address, f'<iframe src="{portal.gateway.base_url}/login"></iframe>')

    (framed,) = page.frames[1:]
    assert framed.url == "chrome-error://chromewebdata/"
    expect(framed.get_by_label("Password")).to_have_count(0)


@pytest.mark.parametrize("address", [ELSEWHERE, NEXT_DOOR])
def test_a_script_of_another_site_reads_nothing(
    portal: Portal, opened: Opened, address: str
) -> None:
    page = opened(address, "<p>hello</p>")

    told = page.evaluate(
        """(url) => fetch(url, { credentials: "include" }).then(
            (answer) => answer.text(), () => "blocked")""",
        f"{portal.gateway.base_url}/keys",
    )

    assert told == "blocked"

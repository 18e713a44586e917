"""A model followed in a browser: started by a button, watched to ready, cancelled again."""

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.kit import Visitor
from tests.browser.world import PASSWORD, USER, add_user, model

# As long as a start of the simulator may take on a busy machine.
START_MS = 60_000


@pytest.fixture
def gateway(make_gateway):
    gateway = make_gateway(
        model("quick", engine_args={"startup-seconds": 4}),
        model("slow", engine_args={"startup-seconds": 3600}),
    )
    add_user(gateway, USER)
    return gateway


@pytest.fixture
def visitor(gateway, new_visitor) -> Visitor:
    visitor = new_visitor(gateway.base_url)
    visitor.log_in(USER, PASSWORD)
    return visitor


def start(visitor: Visitor, name: str) -> Page:
    """Press the button, and mark the page that comes: whatever loads it anew loses the mark."""
    page = visitor.go(f"/models/{name}")
    expect(page.get_by_text("Not running. It starts when somebody asks for it.")).to_be_visible()
    page.get_by_role("button", name="Start it for me").click()
    expect(page.get_by_text("Asked for. This page follows what becomes of it.")).to_be_visible()
    page.evaluate("document.body.dataset.mark = 'the same page'")
    return page


def is_the_same(page: Page) -> bool:
    return page.evaluate("document.body.dataset.mark") == "the same page"


def test_a_start_is_watched_from_the_button_to_ready_without_a_reload(visitor):
    page = start(visitor, "quick")
    steps = page.get_by_role("list", name="How far it is")

    expect(steps.locator("[aria-current=step]")).to_contain_text("Loading", timeout=START_MS)
    expect(page.get_by_text("Not yet: it is loading.")).to_be_visible()
    expect(page.get_by_text("Ready. You can use it now.")).to_be_visible(timeout=START_MS)

    expect(steps).to_have_count(0)
    expect(page.get_by_text("It runs as 1 instance.")).to_be_visible()
    expect(page.get_by_role("link", name="Code to copy")).to_be_visible()
    assert is_the_same(page)


def test_the_list_shows_the_same_without_a_reload(gateway, visitor, new_visitor):
    watched = new_visitor(gateway.base_url, cookies=visitor.cookies()).go("/models")
    watched.evaluate("document.body.dataset.mark = 'the same page'")
    row = watched.get_by_role("row", name="quick")
    expect(row).to_contain_text("not running")

    start(visitor, "quick")

    expect(row).to_contain_text("loading", timeout=START_MS)
    expect(watched.get_by_text("2 models: 1 on the way, 1 not running.")).to_be_visible()
    expect(row.get_by_role("link", name="Use it")).to_be_visible(timeout=START_MS)
    assert is_the_same(watched)


def test_a_start_that_nobody_else_wants_is_cancelled_after_a_question(gateway, visitor):
    page = start(visitor, "slow")
    expect(page.get_by_text("Not yet: it is loading.")).to_be_visible(timeout=START_MS)

    page.get_by_role("button", name="Cancel this start").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Its place in the queue is given up")
    question.get_by_role("button", name="Cancel this start").click()

    expect(page.get_by_text("Cancelled: it is not asked for any more.")).to_be_visible()
    told = "Not running. It starts when somebody asks for it."
    expect(page.get_by_text(told)).to_be_visible(timeout=START_MS)
    expect(page.get_by_text("None is running.")).to_be_visible(timeout=START_MS)
    assert gateway.model("slow")["state"] == "cold"


def test_a_page_that_stays_open_goes_on_asking_every_minute(gateway, visitor):
    visitor.page.clock.install()
    page = start(visitor, "slow")

    def is_renewal(answer: Response) -> bool:
        return (answer.request.post_data or "") == "deed=renew"

    with page.expect_response(is_renewal) as told:
        page.clock.fast_forward(61_000)

    assert told.value.status == 204

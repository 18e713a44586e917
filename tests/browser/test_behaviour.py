"""What the pages' script adds: asking first, local times, live parts that disturb nobody."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.world import READY, USER

KEY = "thesis notebook"


@pytest.fixture
def keys(visit) -> Page:
    return visit(USER).go("/keys")


def ask_to_revoke(page: Page):
    row = page.get_by_role("row").filter(has_text=KEY)
    row.get_by_role("button", name="Revoke").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(KEY)
    return dialog


def test_a_question_is_asked_and_declined_with_the_keyboard_alone(keys):
    dialog = ask_to_revoke(keys)
    # Whoever presses Enter without reading keeps everything.
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert axe.violations(keys) == []

    keys.keyboard.press("Enter")

    expect(dialog).to_have_count(0)
    row = keys.get_by_role("row").filter(has_text=KEY)
    expect(row.get_by_role("button", name="Revoke")).to_be_focused()


def test_escape_is_no(keys):
    dialog = ask_to_revoke(keys)

    keys.keyboard.press("Escape")

    expect(dialog).to_have_count(0)
    expect(keys.get_by_role("row").filter(has_text=KEY)).to_be_visible()


def test_times_are_told_in_the_zone_of_the_one_who_looks(visit):
    page = visit(USER).go("/keys/new")
    page.goto("/")
    told = page.locator("time").first
    expect(told).to_have_attribute("data-local", "")

    # The browser's zone is Zurich's, an hour or two from UTC.
    expect(told).to_have_attribute("title", re.compile("CET|CEST|GMT\\+[12]"))
    expect(told).not_to_contain_text("UTC")


def test_a_live_part_says_when_the_gateway_is_away_and_when_it_is_back(visit):
    visitor = visit(USER)
    page = visitor.go(f"/models/{READY}")
    visitor.expected_words.add("ERR_INTERNET_DISCONNECTED")
    away = page.get_by_text("the gateway does not answer just now").first

    visitor.context.set_offline(True)
    expect(away).to_be_visible()
    assert axe.violations(page) == []
    # What was known last stays.
    expect(page.get_by_text("Ready. You can use it now.")).to_be_visible()
    visitor.context.set_offline(False)

    expect(away).to_have_count(0)


# Whoever looks selects something just when the answer comes.
SELECT_ON_ANSWER = """() => {
  const ask = window.fetch;
  window.fetch = async (address, ...more) => {
    const answer = await ask(address, ...more);
    if (!String(address).includes("part=") && !window.answered) {
      getSelection().selectAllChildren(document.querySelector("[data-live] tbody th"));
      window.answered = true;
    }
    return answer;
  };
}"""


def test_a_live_part_is_not_swapped_under_a_selection_and_catches_up_after_it(visit):
    page = visit(USER).go("/models")
    live = page.locator("div[data-live]")

    def changed(route):
        headers = {"ETag": '"changed"', "Content-Type": "text/html"}
        known = route.request.headers.get("if-none-match") == '"changed"'
        route.fulfill(status=304 if known else 200, headers=headers, body="<p>what is new</p>")

    page.route(lambda url: "/live/models" in url and "part=" not in url, changed)
    page.evaluate(SELECT_ON_ANSWER)
    page.wait_for_function("() => window.answered")
    expect(live).to_contain_text(READY)
    page.evaluate("() => getSelection().removeAllRanges()")

    expect(live).to_contain_text("what is new")


def test_code_is_selected_where_the_browser_keeps_its_clipboard_to_itself(visit):
    visitor = visit(USER)
    page = visitor.go("/use")
    # What a page without https meets.
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')) }")
    page.evaluate("() => { document.execCommand = () => false }")
    code = page.locator(".code", has=page.locator("#file"))

    code.get_by_role("button").click()

    expect(code.get_by_role("button")).to_have_text("Press Ctrl+C")
    selected = page.evaluate("() => getSelection().toString()")
    assert selected.strip() == page.locator("#file").inner_text().strip()

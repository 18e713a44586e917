"""Without JavaScript everything that matters works: keys, code to copy, starting a model."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.kit import PHONE
from tests.browser.world import COLD, READY, USER


@pytest.fixture
def page(visit):
    return visit(USER, javascript=False, size=PHONE).go("/")


def test_a_key_is_made_seen_and_revoked_after_a_question(page):
    page.goto("/keys")
    page.get_by_role("link", name="Make a key").click()
    page.get_by_label("What is it for?").fill("made without script")
    page.get_by_text("Limit it to some models").click()
    page.get_by_label(READY, exact=True).check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#key")).to_have_text(re.compile(r"^sk-ks-\S+$"))
    # What could not work is not there.
    expect(page.get_by_role("button", name="Copy the key")).to_have_count(0)

    page.goto("/keys")
    row = page.get_by_role("row").filter(has_text="made without script")
    expect(row).to_contain_text(READY)
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Are you sure?")
    page.get_by_role("link", name="Keep everything as it is").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke it").click()

    expect(page.locator(".notice")).to_contain_text("is revoked")
    expect(row).to_have_count(0)


def test_code_is_chosen_by_model_and_client(page):
    page.goto("/use")
    page.get_by_label("Model").select_option(COLD)
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="curl").click()

    expect(page.get_by_role("heading", name="curl")).to_be_visible()
    expect(page.locator(".code pre").last).to_contain_text(COLD)
    expect(page.get_by_label("Model")).to_have_value(COLD)


def test_times_are_told_in_utc_and_say_so(page):
    page.goto("/keys?show=expired")

    expect(page.locator("time").first).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d$"))
    page.goto("/")
    expect(page.locator("time").first).to_have_text(re.compile(r"UTC$"))


def test_each_page_tells_how_things_stand_and_not_that_it_needs_javascript(page):
    for path in ("/", "/models", f"/models/{READY}"):
        page.goto(path)
        expect(page.locator(".badge", has_text="ready").first).to_be_visible()
        expect(page.get_by_text("JavaScript")).to_have_count(0)

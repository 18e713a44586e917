"""Logging in and out, as a person meets it in a browser."""

import re

from playwright.sync_api import expect

from tests.browser import axe, screenshots
from tests.browser.world import PASSWORD, USER, add_user, model


def fill_in(page, name, password):
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_a_wrong_password_is_told_and_the_name_stays(visit):
    visitor = visit()
    page = visitor.go("/login")
    visitor.expected_statuses.add(401)

    fill_in(page, USER, "wrong")

    expect(page.get_by_role("alert")).to_contain_text("password")
    expect(page.get_by_label("User name")).to_have_value(USER)
    expect(page.get_by_label("Password")).to_have_value("")
    expect(page.get_by_label("Password")).to_be_focused()
    assert axe.violations(page) == []
    screenshots.take_all(page, "nobody, login refused")


def test_a_page_that_needs_a_login_is_shown_after_it(visit):
    visitor = visit()
    page = visitor.go("/keys")
    expect(page).to_have_url(re.compile("/login"))

    fill_in(page, USER, PASSWORD)

    expect(page).to_have_url(re.compile("/keys$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your API keys")


def test_after_logging_out_the_way_back_shows_nothing(visit):
    visitor = visit()
    page = visitor.log_in(USER, PASSWORD)
    visitor.go("/keys")
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("You are logged out.")

    page.go_back()

    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    expect(page.get_by_text(USER, exact=True)).to_have_count(0)


def test_without_javascript_one_logs_in_and_out(visit):
    visitor = visit(javascript=False)
    page = visitor.log_in(USER, PASSWORD)
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()

    page.get_by_role("button", name="Log out", exact=True).click()

    expect(page.get_by_label("Password")).to_be_visible()


def test_with_the_keyboard_alone_one_logs_in(visit):
    page = visit().go("/login")
    # A person sees the cursor before typing; a browser sets it after the page is loaded.
    expect(page.get_by_label("User name")).to_be_focused()
    for text in (USER, PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log out", exact=True).wait_for()

    page.keyboard.press("Tab")

    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_a_gateway_without_users_says_how_to_make_the_first(make_gateway, new_visitor):
    gateway = make_gateway(model("demo"))
    page = new_visitor(gateway.base_url).go("/login")
    shown = page.locator("#first-user")
    expect(shown).to_have_text("kscope users create YOUR_NAME --admin --password")
    assert axe.violations(page) == []
    screenshots.take_all(page, "nobody, login of a new gateway")

    add_user(gateway, "first", "--admin")
    page.reload()

    expect(shown).to_have_count(0)
    fill_in(page, "first", PASSWORD)
    expect(page.get_by_role("link", name="Admin")).to_be_visible()

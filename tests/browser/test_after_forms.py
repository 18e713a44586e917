"""The pages that only a form leads to: a key shown once, a question, a form sent back."""

from playwright.sync_api import expect

from tests.browser.looks import faults
from tests.browser.world import ADMIN, USER

# As without JavaScript, where nothing asks before.
SEND_UNASKED = "(form) => form.submit()"


def test_a_new_key_is_shown_once_and_in_order(visit):
    visitor = visit(USER)
    page = visitor.go("/keys/new")
    page.get_by_label("What is it for?").fill("looked at")
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#key")).to_contain_text("sk-ks-")
    assert faults(visitor, "user, key made") == {}
    key = page.locator("#key").inner_text()

    page.go_back()
    page.goto("/keys")

    assert key not in page.content()


def test_a_key_for_a_program_is_shown_once_and_in_order(visit):
    visitor = visit(ADMIN)
    page = visitor.go("/admin/keys/new")
    page.get_by_label("Owner").fill("nightly")
    page.get_by_label("What it is for").fill("nightly report")
    page.get_by_role("button", name="Make the key").click()

    expect(page.locator("main")).to_contain_text("sk-ks-")
    assert faults(visitor, "admin, key made") == {}


def test_the_question_before_a_deed_is_a_page_in_order(visit):
    visitor = visit(USER)
    page = visitor.go("/keys")
    page.locator("form[data-confirm]").first.evaluate(SEND_UNASKED)

    expect(page.get_by_role("heading", level=1)).to_have_text("Are you sure?")
    assert faults(visitor, "user, asked before revoking") == {}


def test_a_form_that_is_sent_back_says_why_and_keeps_what_was_typed(visit):
    visitor = visit(USER)
    page = visitor.go("/keys/new")
    page.get_by_label("What is it for?").fill("too long a life")
    page.get_by_label("For how many days?").fill("9999")
    visitor.expected_statuses.update({400, 422})
    page.locator("form.card").evaluate(SEND_UNASKED)

    expect(page.get_by_role("alert")).to_contain_text("days")
    expect(page.get_by_label("What is it for?")).to_have_value("too long a life")
    assert faults(visitor, "user, key refused") == {}

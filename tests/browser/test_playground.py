"""The playground in a real browser: an answer that streams, stops, or waits for its model."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe, screenshots
from tests.browser.kit import PHONE, Visitor
from tests.browser.world import PASSWORD, USER, add_user, model
from tests.embedded.accounts import written
from tests.gateway_process import Gateway
from tests.local_gateway import running
from tests.waiting import wait_until
from web.openai_proxy.table import PLAYGROUND
from web.portal.viewer import PORTAL_KEY
from web.usage.periods import By

(PATH,) = PLAYGROUND
EVENTS = "text/event-stream"
FAST, SLOW, LATER, NEVER, LOST = "fast", "slow", "later", "never", "lost"
MODELS = (
    model(FAST, min_instances=1, engine_args={"tokens-per-second": 400}),
    model(SLOW, min_instances=1, engine_args={"tokens-per-second": 5}),
    model(LATER, engine_args={"startup-seconds": 6}),
    model(NEVER, engine_args={"startup-seconds": 3600}),
    model(LOST, engine_args={"die-at-start": True}),
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with running(Gateway(tmp_path_factory.mktemp("playground"), MODELS)) as gateway:
        add_user(gateway, USER)
        for name in (FAST, SLOW):
            ready = lambda name=name: gateway.model(name)["state"] == "ready"  # noqa: E731
            wait_until(ready, 60, f"{name} runs")
        yield gateway


@pytest.fixture(scope="module")
def cookies(browser, gateway):
    visitor = Visitor(browser, gateway.base_url)
    visitor.log_in(USER, PASSWORD)
    yield visitor.cookies()
    visitor.close()


@pytest.fixture
def visitor(gateway, cookies, new_visitor) -> Visitor:
    visitor = new_visitor(gateway.base_url, cookies=cookies)
    # A cold model says so with 503, and a browser's console repeats it.
    visitor.expected_statuses.add(503)
    visitor.gateway = gateway
    return visitor


def say(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def aborted(gateway: Gateway) -> int:
    """Requests of the playground that their browser left."""
    line = written(gateway, By.KEY).get((PORTAL_KEY,))
    return line.aborted if line else 0


def streamed(text: str) -> str:
    """The events of an answer that comes letter by letter."""
    chunks = [{"choices": [{"index": 0, "delta": {"content": letter}}]} for letter in text]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def figures(page: Page):
    return page.locator(".answer").last.locator(".figures")


def test_a_conversation_streams_and_each_answer_tells_its_figures(visitor: Visitor) -> None:
    page = visitor.go(f"/playground?model={FAST}")
    expect(page.locator("#model-state")).to_have_text("It is ready.")
    say(page, "hello")
    expect(figures(page)).to_contain_text(re.compile(r"first token after .*\d tokens? out"))
    say(page, "and again")
    expect(page.locator(".answer .figures")).to_have_count(2)

    asked = page.locator(".question .words")
    expect(asked).to_have_text(["hello", "and again"])
    expect(page.get_by_label("Your message")).to_have_value("")
    expect(page.get_by_label("Your message")).to_be_focused()
    assert page.locator(".answer").last.get_attribute("aria-busy") == "false"
    screenshots.take_all(page, "user, playground talked")
    assert axe.violations(page) == []
    visitor.resize(PHONE)
    assert not axe.scrolls_sideways(page)
    page.reload()
    expect(page.locator(".turn")).to_have_count(0)


def test_shift_and_enter_begin_a_new_line_and_nothing_is_sent(visitor: Visitor) -> None:
    page = visitor.go(f"/playground?model={FAST}")
    box = page.get_by_label("Your message")
    box.press("Enter")
    box.type("one")
    box.press("Shift+Enter")
    box.type("two")

    expect(box).to_have_value("one\ntwo")
    expect(page.locator(".turn")).to_have_count(0)


@pytest.mark.parametrize("by", ["button", "Escape"])
def test_stopping_ends_the_answer_at_the_engine(visitor: Visitor, by: str) -> None:
    before = aborted(visitor.gateway)
    page = visitor.go(f"/playground?model={SLOW}")
    say(page, "tell me a long story")
    expect(page.locator(".answer .words").last).not_to_be_empty()
    if by == "button":
        page.get_by_role("button", name="Stop").click()
    else:
        page.keyboard.press("Escape")

    expect(page.locator(".answer .below")).to_contain_text("Stopped.")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    told = page.locator(".answer .words").last.text_content()
    # Aborted at the gateway too: it is written down as one that its client left.
    wait_until(
        lambda: aborted(visitor.gateway) == before + 1, 15, "the request is told to be aborted"
    )
    assert page.locator(".answer .words").last.text_content() == told


def test_a_cold_start_is_watched_and_then_answered(visitor: Visitor) -> None:
    page = visitor.go(f"/playground?model={LATER}")
    expect(page.locator("#model-state")).to_contain_text("Your message starts it.")
    say(page, "wake up")

    steps = page.get_by_role("list", name="How far the model is")
    expect(steps).to_be_visible()
    expect(steps.locator("[aria-current=step]")).to_contain_text("Loading", timeout=30_000)
    screenshots.take_all(page, "user, playground waits")
    assert axe.violations(page) == []
    expect(figures(page)).to_contain_text("for the model", timeout=40_000)
    expect(page.locator(".answer .problem")).to_have_count(0)


def test_why_a_start_fails_is_told_while_it_is_tried_again(visitor: Visitor) -> None:
    page = visitor.go(f"/playground?model={LOST}")
    say(page, "wake up")

    expect(page.locator(".progress")).to_contain_text("Its last start failed", timeout=40_000)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".answer .below")).to_contain_text("Stopped.")


def test_a_wait_can_be_given_up(visitor: Visitor) -> None:
    page = visitor.go(f"/playground?model={NEVER}")
    say(page, "wake up")
    expect(page.locator(".progress")).to_be_visible()
    page.get_by_role("button", name="Stop").click()

    expect(page.locator(".progress")).to_have_count(0)
    expect(page.locator(".answer .below")).to_contain_text("Stopped.")


def test_what_went_wrong_is_said_in_words_and_can_be_tried_again(visitor: Visitor) -> None:
    page = visitor.go(f"/playground?model={FAST}")
    page.get_by_text("Parameters", exact=True).click()
    page.get_by_label("Most tokens of an answer").fill("100000")
    visitor.expected_statuses.add(400)
    say(page, "hello")

    expect(page.locator(".problem")).to_contain_text("No answer.")
    screenshots.take_all(page, "user, playground refused")
    assert axe.violations(page) == []
    page.get_by_label("Most tokens of an answer").fill("")
    page.get_by_role("button", name="Try again").click()
    expect(figures(page)).to_be_visible()
    expect(page.locator(".problem")).to_have_count(0)


def test_who_was_logged_out_elsewhere_is_led_to_the_login(visitor: Visitor) -> None:
    page = visitor.go(f"/playground?model={FAST}")
    visitor.context.clear_cookies()
    visitor.expected_statuses.add(401)
    say(page, "hello")

    page.get_by_role("link", name="Log in again").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert "next=/playground" in page.url


def test_what_a_model_writes_is_shown_as_words_lists_and_code_but_never_becomes_html(
    visitor: Visitor,
) -> None:
    hostile = "<img src=x onerror=alert(1)> {{7*7}} <b>b</b>"
    text = f"{hostile}\n\n## Title\n- a **b**\n- `<i>`\n\n```html\n{hostile}\n```\nend"
    page = visitor.go(f"/playground?model={FAST}")
    # No engine here writes so on demand.
    page.route(f"**{PATH}", lambda route: route.fulfill(body=streamed(text), content_type=EVENTS))
    say(page, hostile)
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()

    answer = page.locator(".answer .words").last
    expect(page.locator(".question .words")).to_have_text(hostile)
    expect(answer).to_contain_text(hostile)
    expect(answer.locator("pre[data-language=html]")).to_have_text(hostile)
    expect(answer.locator("li")).to_have_text(["a b", "<i>"])
    assert page.locator(".turn img, .turn b, .turn i, .turn script").count() == 0
    screenshots.take_all(page, "user, playground code")
    assert axe.violations(page) == []


def test_a_model_is_found_among_many_by_a_part_of_its_name(make_gateway, new_visitor) -> None:
    gateway = make_gateway(*(model(f"lab/model-{n}") for n in range(40)))
    add_user(gateway, USER)
    visitor = new_visitor(gateway.base_url)
    visitor.log_in(USER, PASSWORD)
    page = visitor.go("/playground?model=lab/model-7")

    choice = page.get_by_label("Model", exact=True)
    expect(choice).to_have_value("lab/model-7")
    page.get_by_label("Find a model").type("-17")
    expect(choice.locator("option")).to_have_text(["lab/model-17"])
    expect(choice).to_have_value("lab/model-17")
    page.get_by_label("Find a model").fill("nothing")
    expect(choice.locator("option")).to_have_count(0)
    say(page, "is anybody there?")
    expect(page.locator(".turn")).to_have_count(0)
    page.get_by_label("Find a model").fill("")
    expect(choice.locator("option")).to_have_count(40)


def test_without_javascript_the_page_leads_to_what_works(visitor: Visitor, new_visitor) -> None:
    plain = new_visitor(visitor.base_url, cookies=visitor.cookies(), javascript=False)
    page = plain.go("/playground")

    expect(page.get_by_role("link", name="Ready-made code")).to_be_visible()
    expect(page.locator("#ask")).not_to_be_visible()

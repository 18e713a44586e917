"""The page with code to copy: whose model, which client, and the code as it is."""

import html
import re
from urllib.parse import quote

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from tests.web.portal.model_worlds import read, route
from web.fleet.states import InstanceState
from web.fleet.status import ModelStatus, Phase
from web.portal.shown.use import aim_of, code_for, steps, waiting
from web.portal.snippets.clients import CLIENTS
from web.portal.snippets.parts import Aim, File, Snippet

COPIED = re.compile(r'<pre id="([a-z0-9-]+)" tabindex="0"><code>(.*?)</code></pre>', re.DOTALL)
SLUGS = [each.slug for each in CLIENTS]


def code_on(page: str) -> dict[str, str]:
    """What each copy button copies."""
    return {name: html.unescape(text) for name, text in COPIED.findall(page)}


@pytest.mark.parametrize("slug", SLUGS)
def test_what_is_copied_is_the_snippet_for_this_host_and_model(
    gateway: InProcess, slug: str
) -> None:
    page = Browser(gateway, "ada").get(f"/use?model=lab&client={slug}")
    base_url = gateway.app.jinja_env.globals["base_url"]
    aim = Aim(f"{base_url}/v1", "lab", None, 600)
    (chosen,) = [each for each in CLIENTS if each.slug == slug]
    snippet = chosen.render(aim)

    wanted = [snippet.install, *(file.text for file in snippet.files), snippet.run]
    copied = code_on(page.text)
    assert page.status_code == 200
    assert copied.pop("key").startswith("export KSCOPE_API_KEY=")
    assert copied.pop("key-windows").startswith("$env:KSCOPE_API_KEY =")
    assert list(copied.values()) == [text for text in wanted if text]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_client_is_chosen_by_a_link_that_keeps_the_model(gateway: InProcess, slug: str) -> None:
    page = Browser(gateway, "ada").get("/use?model=laboratory").text

    assert f'href="/use?client={slug}&amp;model=lab"' in page
    assert page.count('aria-current="page"') == 2  # the page, and the first client


def test_a_model_is_chosen_by_a_form_that_keeps_the_client(gateway: InProcess) -> None:
    page = Browser(gateway, "bob").get("/use?client=node").text

    assert '<form class="filters" method="get" action="/use"' in page
    assert '<input type="hidden" name="client" value="node">' in page
    assert '<option value="cold" selected>' in page
    assert '<button class="quiet apply">' in page


def test_a_client_that_there_is_not_is_the_first_one(gateway: InProcess) -> None:
    page = Browser(gateway, "bob").get("/use?client=%3Cscript%3E").text

    assert "<h2>Python</h2>" in page
    assert "<script>" not in page


@pytest.mark.parametrize("asked", ["lab", "nothing", "<script>alert(1)</script>", "{{7*7}}"])
def test_a_model_that_is_none_of_theirs_is_said_to_be_none_like_any_other(
    gateway: InProcess, asked: str
) -> None:
    page = Browser(gateway, "bob").get(f"/use?model={quote(asked)}")

    assert page.status_code == 200
    assert f"There is no model <code>{html.escape(asked)}</code> that you may use" in page.text
    assert '<option value="cold" selected>' in page.text
    assert 'value="lab"' not in page.text


@pytest.mark.parametrize("query", ["model=cold&model=lab", "client=node&client=curl", "model=%00"])
def test_what_is_said_twice_or_cannot_be_read_is_refused(gateway: InProcess, query: str) -> None:
    assert Browser(gateway, "ada").get(f"/use?{query}").status_code == 400


def test_a_stranger_is_sent_to_log_in_and_back(gateway: InProcess) -> None:
    answer = Browser(gateway).get("/use?model=cold&client=curl")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=/use%3Fmodel%3Dcold")


def test_who_may_use_nothing_is_told_so(gateway: InProcess, tmp_path) -> None:
    (tmp_path / "models.yaml").write_text("models: [{name: x, path: p, groups: [physics]}]")
    gateway.refresh()

    page = Browser(gateway, "bob").get("/use")

    assert page.status_code == 200
    assert "There is no model that you may use." in page.text


def test_a_key_is_never_on_the_page_but_the_way_to_one_is(gateway: InProcess) -> None:
    browser = Browser(gateway, "bob")
    before = browser.get("/use").text
    key = gateway.key("bob")
    after = browser.get("/use").text

    assert "You have no key that works" in before
    assert "Your key was shown once" in after
    assert 'href="/keys/new"' in before
    assert 'href="/keys/new"' in after
    assert key not in after
    assert not re.search(r"sk-ks-\w", after)


def test_five_hundred_models_are_one_choice_and_the_list_can_be_searched(
    gateway: InProcess, tmp_path
) -> None:
    entries = "".join(f"  - {{name: org/m{n}, path: p}}\n" for n in range(500))
    (tmp_path / "models.yaml").write_text(f"models:\n{entries}")
    gateway.refresh()

    page = Browser(gateway, "bob").get("/use?model=org/m499").text

    assert page.count("<option ") == 500
    assert '<option value="org/m499" selected>' in page
    assert '<a class="button quiet" href="/models">' in page
    assert len(page) < 100_000


def test_a_ready_model_answers_at_once(gateway: InProcess) -> None:
    gateway.add(InstanceState.READY, model="cold", node="n1", port=1)

    assert "It answers at once." in Browser(gateway, "bob").get("/use").text


def test_how_long_the_first_answer_takes_is_told_in_words() -> None:
    usual = {"typical_load_s": 90.0, "typical_wait_s": 30.0}

    cold = read([waiting(ModelStatus(Phase.COLD, **usual))])
    assert "Your first request starts it" in cold
    assert "A start usually takes 2 min" in cold
    for phase in Phase:
        told = read([waiting(ModelStatus(phase))]).strip()
        assert told.endswith(".")
    lost = ModelStatus(Phase.FAILING, given_up=True, words="<b>", reason="never_ready")
    assert "tell the administrators" in read([waiting(lost)])


def test_a_snippet_is_told_what_the_catalog_and_the_engine_know() -> None:
    tools = {"enable-auto-tool-choice": True, "tool-call-parser": "hermes", "max-model-len": 2048}

    aim = aim_of(route(ModelStatus(Phase.COLD), engine_args=tools), "https://ai.example.org", 60.5)

    assert aim == Aim("https://ai.example.org/v1", "m", 2048, 60, calls_tools=True)
    told = aim_of(route(ModelStatus(Phase.READY, max_model_len=99)), "http://h", 600)
    assert (told.max_tokens, told.calls_tools) == (99, False)


def test_steps_stand_in_the_order_of_doing_and_each_has_a_place_of_its_own() -> None:
    files = (File("a<b>.py", "Python", "1"), File("b.yaml", "YAML", "2"))

    found = steps(Snippet("get it", files, ""))

    assert [step.text for step in found] == ["get it", "1", "2"]
    assert [step.id for step in found] == ["install", "file", "file-1"]
    assert found[1].title == "Save this as <code>a&lt;b&gt;.py</code>"


def test_notes_show_code_as_code() -> None:
    code = code_for(route(ModelStatus(Phase.COLD)), "librechat", "http://h", 600)

    assert any("<code>KSCOPE_API_KEY=sk-…</code>" in note for note in code.notes)

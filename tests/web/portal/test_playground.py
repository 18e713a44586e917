"""The playground's page and what it tells of a model."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.fleet.states import InstanceState
from web.fleet.status import ModelStatus, Phase
from web.portal.shown.playground import FEW_MODELS, Choices, progress

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def words(phase: Phase, **known: object) -> str:
    return str(progress(ModelStatus(phase, **known), NOW)["words"])  # type: ignore[arg-type]


def test_the_page_offers_the_models_that_the_viewer_may_use(gateway: InProcess) -> None:
    ada, bob = (Browser(gateway, name).get("/playground").text for name in ("ada", "bob"))

    assert '<option value="lab"' in ada
    assert '<option value="cold"' in ada
    assert '<option value="cold"' in bob
    assert '"lab"' not in bob


@pytest.mark.parametrize("asked", ["lab", "laboratory"])
def test_the_model_of_the_address_is_chosen_by_name_or_alias(
    gateway: InProcess, asked: str
) -> None:
    page = Browser(gateway, "ada").get(f"/playground?model={asked}").text

    assert '<option value="lab" selected>' in page


@pytest.mark.parametrize("asked", ["nothing", "lab", "%3Cscript%3E", ""])
def test_a_model_that_is_none_of_theirs_is_not_chosen_and_not_told_of(
    gateway: InProcess, asked: str
) -> None:
    page = Browser(gateway, "bob").get(f"/playground?model={asked}")

    assert page.status_code == 200
    assert '<option value="cold" selected>' in page.text
    assert "<script>" not in page.text
    assert '"lab"' not in page.text


def test_a_stranger_is_sent_to_log_in(gateway: InProcess) -> None:
    answer = Browser(gateway).get("/playground?model=cold")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=/playground%3Fmodel%3Dcold"


def test_who_may_use_nothing_is_told_so(gateway: InProcess, tmp_path) -> None:
    (tmp_path / "models.yaml").write_text("models: [{name: x, path: p, groups: [physics]}]")
    gateway.refresh()
    page = Browser(gateway, "bob").get("/playground").text

    assert "There is no model that you may use." in page
    assert "playground.js" not in page


def test_many_models_can_be_searched(gateway: InProcess, tmp_path) -> None:
    few = "models:\n" + "".join(f"  - {{name: m{n}, path: p}}\n" for n in range(FEW_MODELS))
    (tmp_path / "models.yaml").write_text(few)
    gateway.refresh()
    browser = Browser(gateway, "bob")

    assert "model-filter" not in browser.get("/playground").text
    (tmp_path / "models.yaml").write_text(few + "  - {name: one-more, path: p}\n")
    gateway.refresh()
    assert "model-filter" in browser.get("/playground").text


def test_how_far_a_model_is_can_be_asked_without_starting_it(gateway: InProcess) -> None:
    bob = Browser(gateway, "bob")
    told = bob.get("/playground/progress?model=chilly", Sec_Fetch_Mode="cors").get_json()

    assert told["state"] == "cold"
    assert told["words"] == "It is not running. Your message starts it."
    assert not gateway.app.extensions["kscope"].notebook._cold

    gateway.add(InstanceState.PENDING, model="cold", slurm_reason="Priority")
    told = bob.get("/playground/progress?model=cold", Sec_Fetch_Mode="cors").get_json()
    assert told["state"] == "pending"
    assert "(Priority)" in told["words"]


@pytest.mark.parametrize(("user", "model"), [("bob", "lab"), ("bob", "nothing"), ("bob", "")])
def test_how_far_another_groups_model_is_is_nobody_elses_business(
    gateway: InProcess, user: str, model: str
) -> None:
    path = f"/playground/progress?model={model}"
    answer = Browser(gateway, user).get(path, Sec_Fetch_Mode="cors", Accept="*/*")

    assert answer.status_code == 404


def test_a_script_without_a_session_gets_401_not_a_page(gateway: InProcess) -> None:
    answer = Browser(gateway).get("/playground/progress?model=cold", Sec_Fetch_Mode="cors")

    assert answer.status_code == 401


def test_the_words_of_each_phase_are_sentences_and_say_what_happens() -> None:
    for phase in Phase:
        told = words(phase, words="Slurm's words", reason="node_fail")
        assert told[0].isupper()
        assert told.endswith(".")
        assert ".." not in told


def test_the_words_change_only_when_something_happens() -> None:
    status = ModelStatus(Phase.STARTING, starting_since=NOW, typical_load_s=90, typical_wait_s=5)

    assert progress(status, NOW)["words"] == progress(status, NOW + timedelta(seconds=30))["words"]


def test_a_model_that_waiting_does_not_bring_is_told_to_be_lost() -> None:
    for status in (
        ModelStatus(Phase.FAILING, given_up=True, words="no such file", reason="never_ready"),
        ModelStatus(Phase.PENDING, hopeless=True, words="the QOS does not exist"),
    ):
        told = progress(status, NOW)
        assert told["given_up"]
        assert "tell the administrators" in str(told["words"])


def test_the_next_try_of_a_failing_model_is_told() -> None:
    told = words(
        Phase.FAILING,
        words="Traceback\n  CUDA: no memory.",
        next_launch_at=NOW + timedelta(minutes=5),
    )

    assert told.endswith("CUDA: no memory. It is tried again in 5 min.")


def test_nothing_to_choose_from_is_no_choice() -> None:
    assert Choices((), "").count == 0

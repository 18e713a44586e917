"""The model pages in a browser's eyes: what is theirs, what is live, what a button does."""

from datetime import timedelta

import pytest

from tests.web.in_process import in_process
from tests.web.portal.browsing import Browser
from web.clock import utc_now
from web.demand.store import Asked, DemandStore
from web.fleet.order_store import OrderStore
from web.fleet.orders import OrderKind
from web.fleet.states import InstanceState, Load

S = InstanceState
CATALOG = """
models:
  - {name: org/model-8B, path: p, aliases: [tiny], engine_args: {max-model-len: 8192}}
  - {name: warm, path: p, min_instances: 1}
  - {name: lab, path: p, groups: [physics], aliases: [laboratory]}
"""
MODEL = "org/model-8B"
PAGE = f"/models/{MODEL}"
LIVE = f"/live/models/{MODEL}"


@pytest.fixture
def gateway(tmp_path):
    gateway = in_process(tmp_path, catalog=CATALOG)
    for name in ("ada", "bob"):
        gateway.accounts.create(name, "cli", now=utc_now())
    yield gateway
    gateway.database.close()


@pytest.fixture
def ada(gateway):
    return Browser(gateway, "ada")


def orders(gateway):
    return [(o.kind, o.instance_id) for o in OrderStore(gateway.database).open()]


def asked(gateway, model=MODEL):
    return DemandStore(gateway.database).of_model(model)


def test_the_list_shows_what_the_viewer_may_use_and_nothing_else(ada):
    text = ada.get("/models").text
    assert MODEL in text
    assert "also tiny" in text
    assert "8,192 tokens" in text
    assert "lab" not in text.replace("label", "")


@pytest.mark.parametrize("path", ["/models/lab", "/models/laboratory", "/models/nothing"])
def test_another_groups_model_is_told_like_one_that_is_not_there(ada, path):
    for at in (path, f"/live{path}"):
        answer = ada.get(at)
        assert answer.status_code == 404
        assert "There is no such model, or it is not for you." in answer.text
    assert ada.post(path, {"deed": "start"}).status_code == 404


def test_nothing_comes_of_starting_another_groups_model(gateway, ada):
    ada.post("/models/lab", {"deed": "start"})
    assert asked(gateway, "lab") is None


def test_an_alias_leads_to_the_models_own_page(ada):
    answer = ada.get("/models/tiny")
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)


def test_a_search_that_finds_nothing_says_so_and_leads_back(ada):
    text = ada.get("/models?q=%3Cscript%3E").text
    assert "No model fits." in text
    assert "<script>" not in text
    assert "Show all 2 models" in text


@pytest.mark.parametrize("page", ["0", "-1", "9999999", "x", "2"])
def test_a_page_that_there_is_not_is_one_that_there_is(ada, page):
    assert MODEL in ada.get(f"/models?page={page}").text


def test_a_viewer_without_any_model_is_told_whom_to_ask(tmp_path):
    gateway = in_process(tmp_path, catalog="models: [{name: lab, path: p, groups: [physics]}]")
    gateway.accounts.create("ada", "cli", now=utc_now())
    assert "There is no model for you yet." in Browser(gateway, "ada").get("/models").text
    gateway.database.close()


def test_a_live_part_is_sent_again_only_when_it_changed(gateway, ada):
    path = f"{LIVE}?part=head"
    first = ada.get(path)
    assert "Not running" in first.text
    assert ada.get(path, If_None_Match=first.headers["ETag"]).status_code == 304
    gateway.add(S.READY, model=MODEL)
    changed = ada.get(path, If_None_Match=first.headers["ETag"])
    assert changed.status_code == 200
    assert "Ready. You can use it now." in changed.text


@pytest.mark.parametrize("path", ["/live/models", "/live/models?part=summary", LIVE])
def test_a_live_part_is_no_whole_page(ada, path):
    assert "<html" not in ada.get(path).text


def test_a_live_part_of_nobody_is_refused(gateway):
    stranger = Browser(gateway)
    answer = stranger.get(LIVE, Sec_Fetch_Mode="cors", Accept="text/html")
    assert answer.status_code == 401


def test_a_ready_model_shows_its_instance_and_its_load(gateway, ada):
    now = utc_now()
    gateway.add(
        S.READY,
        model=MODEL,
        load=Load(3, 2, 0.5),
        heartbeat_at=now,
        walltime_end=now + timedelta(hours=2, minutes=5, seconds=30),
    )
    text = ada.get(PAGE).text
    assert "Code to copy" in text
    assert "Answers begin late" in text
    assert "gpu1" in text
    assert "50 %" in text
    assert "2 h 5 min" in text
    assert "+ 2 waiting" in ada.get("/models").text


def test_starting_asks_for_the_model_as_a_request_does(gateway, ada):
    assert ada.post(PAGE, {"deed": "start"}).headers["Location"] == PAGE
    assert asked(gateway).requests == 1
    text = ada.get(PAGE).text
    assert "Asked for. This page follows what becomes of it." in text
    assert "Start it for me" not in text
    assert 'data-renew="/models/org/model-8B"' in text


def test_starting_what_is_ready_does_nothing(gateway, ada):
    gateway.add(S.READY, model=MODEL)
    ada.post(PAGE, {"deed": "start"})
    assert asked(gateway) is None
    assert "there is nothing to start" in ada.get(PAGE).text


def test_a_start_is_cancelled_only_after_a_question(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    gateway.add(S.PENDING, model=MODEL)
    question = ada.post(PAGE, {"deed": "cancel"})
    assert question.status_code == 200
    assert "Its place in the queue is given up" in question.text
    assert orders(gateway) == []


def test_who_asked_alone_can_cancel_and_the_job_is_stopped(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    pending = gateway.add(S.PENDING, model=MODEL)
    assert "Cancel this start" in ada.get(PAGE).text
    ada.post(PAGE, {"deed": "cancel", "sure": "yes"})
    assert orders(gateway) == [(OrderKind.STOP, pending.id)]
    assert asked(gateway).last_at.year == 1970
    assert "Cancelled" in ada.get(PAGE).text


def test_who_asked_twice_is_still_alone(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    ada.post(PAGE, {"deed": "start"})
    assert "Cancel this start" in ada.get(PAGE).text


def test_what_others_ask_for_too_cannot_be_cancelled(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    gateway.add(S.PENDING, model=MODEL)
    Browser(gateway, "bob").post(PAGE, {"deed": "start"})
    text = ada.get(PAGE).text
    assert "Cancel this start" not in text
    assert "others wait for it too" in text
    ada.post(PAGE, {"deed": "cancel", "sure": "yes"})
    assert orders(gateway) == []
    assert "Not cancelled" in ada.get(PAGE).text


def test_a_request_with_a_key_is_somebody_elses(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    DemandStore(gateway.database).add({MODEL: Asked(1, utc_now())}, cold=True)
    ada.post(PAGE, {"deed": "cancel", "sure": "yes"})
    assert asked(gateway).last_at.year != 1970


def test_who_came_later_than_others_cannot_cancel_what_they_started(gateway, ada):
    DemandStore(gateway.database).add({MODEL: Asked(1, utc_now())}, cold=True)
    gateway.add(S.PENDING, model=MODEL)
    ada.post(PAGE, {"deed": "start"})
    ada.post(PAGE, {"deed": "cancel", "sure": "yes"})
    assert orders(gateway) == []


def test_what_is_just_stopping_is_not_on_its_way_for_others(gateway, ada):
    gateway.add(S.STOPPING, model=MODEL, ready_at=utc_now())
    ada.post(PAGE, {"deed": "start"})
    assert "Cancel this start" in ada.get(PAGE).text
    ada.post(PAGE, {"deed": "cancel", "sure": "yes"})
    assert asked(gateway).last_at.year == 1970
    assert orders(gateway) == []


def test_who_never_asked_cannot_cancel(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    gateway.add(S.PENDING, model=MODEL)
    bob = Browser(gateway, "bob")
    assert "Cancel this start" not in bob.get(PAGE).text
    bob.post(PAGE, {"deed": "cancel", "sure": "yes"})
    assert orders(gateway) == []


def test_what_has_become_ready_cannot_be_cancelled(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    gateway.add(S.READY, model=MODEL, ready_at=utc_now())
    ada.post(PAGE, {"deed": "cancel", "sure": "yes"})
    assert orders(gateway) == []


def test_what_the_catalog_keeps_running_cannot_be_cancelled(gateway, ada):
    ada.post("/models/warm", {"deed": "start"})
    gateway.add(S.PENDING, model="warm")
    ada.post("/models/warm", {"deed": "cancel", "sure": "yes"})
    assert orders(gateway) == []


def test_a_page_that_stays_open_goes_on_asking_for_who_has_asked(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    first = asked(gateway)
    assert ada.post(PAGE, {"deed": "renew"}).status_code == 204
    again = asked(gateway)
    assert again.requests == first.requests
    assert again.last_at > first.last_at


def test_a_page_asks_for_nothing_that_its_viewer_has_not_asked_for(gateway, ada):
    ada.post(PAGE, {"deed": "renew"})
    assert asked(gateway) is None


def test_a_cancelled_start_is_not_brought_back_by_a_page_left_open(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    ada.post(PAGE, {"deed": "cancel", "sure": "yes"})
    ada.post(PAGE, {"deed": "renew"})
    assert asked(gateway).last_at.year == 1970


def test_a_page_left_open_brings_nothing_back_that_has_been_ready_and_gone(gateway, ada):
    ada.post(PAGE, {"deed": "start"})
    first = asked(gateway)
    now = utc_now()
    gateway.add(S.STOPPED, model=MODEL, ready_at=now, ended_at=now)
    ada.post(PAGE, {"deed": "renew"})
    assert asked(gateway) == first
    assert "data-renew" not in ada.get(PAGE).text


@pytest.mark.parametrize("deed", ["", "stop", "<b>"])
def test_a_deed_that_there_is_not_does_nothing(gateway, ada, deed):
    assert ada.post(PAGE, {"deed": deed}).status_code == 303
    assert asked(gateway) is None
    assert "nothing has been done" in ada.get(PAGE).text


def test_what_slurm_says_is_text_on_every_page(gateway, ada):
    evil = "<script>alert(1)</script>{{ 7*7 }}"
    gateway.add(S.PENDING, model=MODEL, slurm_state="PENDING", slurm_reason=evil)
    for path in ("/models", PAGE, LIVE):
        text = ada.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in text


def test_only_an_administrator_is_led_to_drain_and_stop(gateway, ada):
    gateway.accounts.create("root", "cli", is_admin=True, now=utc_now())
    assert "/admin/" not in ada.get(PAGE).text
    assert f"/admin/instances?show=all&amp;q={MODEL}" in Browser(gateway, "root").get(PAGE).text


def test_past_starts_are_told_and_drawn(gateway, ada):
    now = utc_now()
    running, ready = now - timedelta(seconds=300), now - timedelta(seconds=120)
    gateway.add(S.STOPPED, model=MODEL, running_since=running, ready_at=ready, ended_at=now)
    text = ada.get(PAGE).text
    assert "The last starts, from asking to ready" in text
    assert "Its last instance, and why it ended" in text
    assert " style=" not in text

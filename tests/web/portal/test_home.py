"""The first page: what can be used now, and what to do next."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.web.in_process import InProcess, in_process
from tests.web.portal.browsing import Browser
from web.clock import utc_now
from web.fleet.states import InstanceState


def test_it_tells_the_address_and_what_each_may_use(gateway: InProcess) -> None:
    adas, bobs = Browser(gateway, "ada").get("/").text, Browser(gateway, "bob").get("/").text

    assert "http://127.0.0.1:25567/v1" in adas
    assert ">lab</a>" in adas
    assert ">lab</a>" not in bobs
    assert "2 not running" in adas
    assert "1 not running" in bobs


def test_a_model_that_is_on_its_way_is_told_without_a_reload(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    before = ada.get("/live/home", Sec_Fetch_Mode="cors")

    gateway.add(InstanceState.PENDING, model="cold")
    after = ada.get("/live/home", Sec_Fetch_Mode="cors", If_None_Match=before.headers["ETag"])

    assert after.status_code == 200
    assert "in the queue" in after.text
    assert "<html" not in after.text, "a part, not a page"


def test_who_has_no_key_is_led_to_make_one(gateway: InProcess) -> None:
    text = Browser(gateway, "ada").get("/").text

    assert "You have no key that works." in text
    assert "Make your first key" in text


def test_a_key_that_ends_soon_is_told_where_everybody_looks(gateway: InProcess) -> None:
    now = utc_now()
    gateway.keys.create("ada", "", 90, None, now - timedelta(days=80))
    gateway.keys.create("ada", "", 90, None, now)

    text = Browser(gateway, "ada").get("/").text

    assert "one ends soon" in text
    assert "You have 2 keys that work. The first one ends in" in text


def test_who_may_use_nothing_is_told_whom_to_ask(
    gateway: InProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    closed = in_process(folder, catalog="models: [{name: lab, path: p, groups: [physics]}]")
    for name, is_admin in (("bob", False), ("root", True)):
        closed.accounts.create(name, "local", is_admin=is_admin, now=utc_now())

    assert "Ask an administrator" in Browser(closed, "bob").get("/").text
    assert "models.yaml" in Browser(closed, "root").get("/").text
    closed.database.close()


def test_hundreds_of_models_are_a_glance_and_a_link(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    models = ", ".join(f"{{name: model-{number}, path: p}}" for number in range(500))
    many = in_process(tmp_path_factory.mktemp("many"), catalog=f"models: [{models}]")
    many.accounts.create("ada", "local", now=utc_now())

    text = Browser(many, "ada").get("/").text
    many.database.close()

    assert text.count('scope="row"') == 6
    assert "500 not running" in text
    assert "All 500 models" in text


def test_a_wrong_catalog_is_told_to_administrators_only(gateway: InProcess, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models: [{nam: wrong}]")
    gateway.refresh()

    assert "has faults" in Browser(gateway, "root").get("/").text
    assert "has faults" not in Browser(gateway, "ada").get("/").text

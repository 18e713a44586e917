"""A model that is not permitted is nowhere to be seen: as if it did not exist, on every route."""

from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from tests.web.fleet.worlds import ID
from tests.web.in_process import InProcess, error_of, in_process
from web.clock import utc_now
from web.fleet.states import InstanceState
from web.openai_proxy.table import ROUTES, Body
from web.responses.store import ResponseStore, Whereabouts

JSON_ROUTES = [path for path, route in ROUTES.items() if route.body is Body.JSON]


@pytest.fixture
def gateway(tmp_path) -> Iterator[InProcess]:
    gateway = in_process(tmp_path)
    yield gateway
    gateway.database.close()


def listed(gateway: InProcess, key: str) -> list[str]:
    return [each["id"] for each in gateway.ask("GET", "/v1/models", key).get_json()["data"]]


def physicist(gateway: InProcess, scope: list[str] | None = None) -> str:
    gateway.accounts.create("ada", "cli", groups=["physics"], now=utc_now())
    return gateway.key("ada", scope)


def test_the_list_holds_what_the_users_groups_allow(gateway: InProcess) -> None:
    assert listed(gateway, gateway.key("bob")) == ["cold"]
    assert listed(gateway, physicist(gateway)) == ["cold", "lab"]


def test_the_list_holds_what_the_keys_scope_leaves(gateway: InProcess) -> None:
    assert listed(gateway, physicist(gateway, ["lab"])) == ["lab"]
    assert listed(gateway, gateway.key("bob", ["lab"])) == []


@pytest.mark.parametrize("path", JSON_ROUTES)
@pytest.mark.parametrize("name", ["lab", "laboratory"])
def test_a_forbidden_model_is_answered_as_an_unknown_one_on_every_route(
    gateway: InProcess, path: str, name: str
) -> None:
    key = gateway.key("bob")

    forbidden = gateway.ask("POST", path, key, {"model": name})
    unknown = gateway.ask("POST", path, key, {"model": "x" * len(name)})

    assert forbidden.status_code == unknown.status_code == 404
    assert forbidden.text == unknown.text.replace("x" * len(name), name)
    assert {k for k, _ in forbidden.headers} == {k for k, _ in unknown.headers}


@pytest.mark.parametrize("name", ["lab", "laboratory"])
def test_a_forbidden_model_has_no_entry_of_its_own(gateway: InProcess, name: str) -> None:
    bob, ada = gateway.key("bob"), physicist(gateway)

    refused = gateway.ask("GET", f"/v1/models/{name}", bob)
    assert (refused.status_code, error_of(refused)["code"]) == (404, "model_not_found")
    assert gateway.ask("GET", f"/v1/models/{name}", ada).status_code == 200


def test_asking_for_a_forbidden_model_starts_nothing(gateway: InProcess) -> None:
    notebook = gateway.app.extensions["kscope"].notebook
    bob, ada = gateway.key("bob"), physicist(gateway)

    gateway.ask("POST", "/v1/chat/completions", bob, {"model": "lab"})
    assert not notebook._cold

    assert gateway.ask("POST", "/v1/chat/completions", ada, {"model": "lab"}).status_code == 503
    assert set(notebook._cold) == {"lab"}


def test_a_kept_response_is_its_makers_while_its_model_is_permitted(gateway: InProcess) -> None:
    """502 is past every door: nobody listens where the instance should be."""
    gateway.add(InstanceState.READY, model="lab", node="127.0.0.1", port=9)
    now = utc_now()
    ResponseStore(gateway.database).add([Whereabouts("resp_1", ID, "ada", now)], now)
    narrow, wide = physicist(gateway, ["lab"]), gateway.key("ada")
    elsewhere, stranger = gateway.key("ada", ["cold"]), gateway.key("bob")

    def status(key: str, end: str = "") -> int:
        method = "POST" if end else "GET"
        return gateway.ask(method, f"/v1/responses/resp_1{end}", key).status_code

    for end in ("", "/cancel"):
        assert [status(key, end) for key in (narrow, wide)] == [502, 502]
        assert [status(key, end) for key in (elsewhere, stranger)] == [404, 404]


def test_a_kept_response_is_followed_by_its_maker_alone_and_where_it_is_kept(
    gateway: InProcess,
) -> None:
    gateway.add(InstanceState.READY, model="lab", node="127.0.0.1", port=9)
    now = utc_now()
    store = ResponseStore(gateway.database)
    store.add([Whereabouts("resp_1", ID, "ada", now), Whereabouts("resp_2", "x", "ada", now)], now)
    maker = physicist(gateway)
    gateway.accounts.create("eve", "cli", groups=["physics"], now=now)
    other = gateway.key("eve")

    def following(key: str, id_: object, **more: object) -> TestResponse:
        body = {"model": "lab", "input": "and then?", "previous_response_id": id_, **more}
        return gateway.ask("POST", "/v1/responses", key, body)

    # 502 is past every door, and 503 when that has set the instance aside. What nobody wrote
    # down, or is no id, is for the engine to judge.
    for id_ in ("resp_1", "resp_unknown", "resp_\0", "", 7, None):
        assert following(maker, id_).status_code in (502, 503)
    for answer in (following(other, "resp_1"), following(maker, "resp_2")):
        error = error_of(answer)
        assert (answer.status_code, error["param"]) == (404, "previous_response_id")
    # Kept by no instance of this model: nothing is started for what cannot be answered.
    assert following(maker, "resp_1", model="cold").status_code == 404
    assert not gateway.app.extensions["kscope"].notebook._cold


def test_leaving_a_group_takes_its_models_within_a_second(
    gateway: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = gateway.app.extensions["kscope"].authenticator._records
    passed = [records._monotonic()]
    monkeypatch.setattr(records, "_monotonic", lambda: passed[0])
    key = physicist(gateway)
    assert listed(gateway, key) == ["cold", "lab"]

    gateway.accounts.set_groups("ada", [])
    passed[0] += 1.0

    assert listed(gateway, key) == ["cold"]

"""Making, replacing and revoking one's own keys, as a browser does it."""

import re
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.audit.store import AuditLog, Wanted
from web.clock import utc_now
from web.identity.keys import has_valid_form
from web.identity.store import KeyRecord

HOSTILE = '<script>alert("x")</script>{{ 7 * 7 }}{% raw %}'
_KEY = re.compile(r"sk-ks-[0-9A-Za-z]{46}")


def key_in(page: TestResponse) -> str:
    """The key that a page shows, however often."""
    (key,) = set(_KEY.findall(page.text))
    assert has_valid_form(key)
    return key


def only_key(gateway: InProcess, user: str = "ada") -> KeyRecord:
    (record,) = gateway.keys.list(user)
    return record


def statuses(gateway: InProcess, key: str) -> int:
    """What the API says to the key. A worker remembers keys for a second: so by another one."""
    record = gateway.keys.find(key)
    assert record is not None
    return 200 if record.principal_at(utc_now()) else 401


def test_a_new_key_is_shown_once_and_works(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")

    made = ada.post("/keys", {"name": "thesis", "days": "30"})

    key = key_in(made)
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    assert 'data-copy="#key"' in made.text
    assert gateway.ask("GET", "/v1/models", key).status_code == 200
    record = only_key(gateway)
    assert (record.name, record.life_days, record.models) == ("thesis", 30, None)
    for path in ("/keys", "/", "/keys?show=revoked"):
        assert key not in ada.get(path).text, "shown only once"


def test_a_key_lives_as_long_as_the_gateway_allows_unless_less_is_asked(gateway: InProcess) -> None:
    Browser(gateway, "ada").post("/keys", {"name": "", "days": ""})

    assert only_key(gateway).life_days == 90


@pytest.mark.parametrize("days", ["0", "91", "-1", "1.5", "1e3", "x", "٣", "99999", "NaN"])
def test_a_length_of_life_that_is_none_is_told_and_makes_no_key(
    gateway: InProcess, days: str
) -> None:
    answer = Browser(gateway, "ada").post("/keys", {"name": "kept name", "days": days})

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'value="kept name"' in answer.text, "what was typed is still there"
    assert gateway.keys.list() == []


def test_a_key_can_be_limited_to_models_that_its_owner_may_use(gateway: InProcess) -> None:
    Browser(gateway, "ada").post("/keys", {"name": "", "days": "1", "models": ["lab", "cold"]})

    assert only_key(gateway).models == ("cold", "lab")


@pytest.mark.parametrize("model", ["lab", "nothing", "laboratory", ""])
def test_a_model_that_they_may_not_use_is_refused_like_one_that_is_not_there(
    gateway: InProcess, model: str
) -> None:
    bob = Browser(gateway, "bob")

    answer = bob.post("/keys", {"name": "", "days": "1", "models": [model]})

    assert answer.status_code == 400
    assert f"There is no model &#39;{model}&#39; that you may use." in answer.text
    assert gateway.keys.list() == []


def test_models_of_others_are_not_offered(gateway: InProcess) -> None:
    assert 'value="lab"' in Browser(gateway, "ada").get("/keys/new").text
    assert 'value="lab"' not in Browser(gateway, "bob").get("/keys/new").text


def test_script_and_template_text_in_a_keys_name_stays_text(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    made = ada.post("/keys", {"name": HOSTILE, "days": "1"})
    id_ = only_key(gateway).id
    question = ada.post(f"/keys/{id_}/revoke")
    pages = [made, ada.get("/keys"), ada.get(f"/keys/{id_}/rotate"), question]
    ada.post(f"/keys/{id_}/revoke", {"sure": "yes"})
    pages.append(ada.get("/keys?show=revoked"))

    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "{{ 7 * 7 }}{% raw %}" in page.text, "neither run by us nor lost"


@pytest.mark.parametrize("name", ["a\0b", "line\nbreak", "x" * 256, "\u202eevil"])
def test_a_name_that_cannot_be_shown_is_refused(gateway: InProcess, name: str) -> None:
    answer = Browser(gateway, "ada").post("/keys", {"name": name, "days": "1"})

    assert answer.status_code == 400
    assert gateway.keys.list() == []


@pytest.mark.parametrize("field", ["name", "days"])
def test_a_field_said_twice_makes_no_key(gateway: InProcess, field: str) -> None:
    fields = {"name": "", "days": "1", field: ["1", "2"]}

    assert Browser(gateway, "ada").post("/keys", fields).status_code == 400
    assert gateway.keys.list() == []


def test_nobody_gathers_keys_without_end(
    gateway: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.portal.shown.keys.MOST_WORKING", 2)
    ada = Browser(gateway, "ada")

    answers = [ada.post("/keys", {"name": "", "days": "1"}).status_code for _ in range(3)]

    assert answers == [200, 200, 400]
    assert len(gateway.keys.list()) == 2


def test_revoking_asks_first_and_then_the_key_is_void(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    key = key_in(ada.post("/keys", {"name": "thesis", "days": "1"}))
    path = f"/keys/{only_key(gateway).id}/revoke"

    question = ada.post(path)
    assert question.status_code == 200
    assert "Revoke the key “thesis”?" in question.text
    assert statuses(gateway, key) == 200

    assert ada.post(path, {"sure": "yes"}).headers["Location"] == "/keys"
    assert statuses(gateway, key) == 401
    assert "“thesis” is revoked" in ada.get("/keys").text


def test_revoking_again_changes_nothing(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    ada.post("/keys", {"name": "", "days": "1"})
    path = f"/keys/{only_key(gateway).id}/revoke"
    ada.post(path, {"sure": "yes"})
    first = only_key(gateway).revoked_at

    assert ada.post(path, {"sure": "yes"}).status_code == 303
    assert only_key(gateway).revoked_at == first


def test_a_replaced_key_goes_on_for_as_long_as_was_chosen(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    old = key_in(ada.post("/keys", {"name": "thesis", "days": "30", "models": ["lab"]}))
    old_id = only_key(gateway).id

    page = ada.post(f"/keys/{old_id}/rotate", {"overlap": "24"})

    new = key_in(page)
    before, after = gateway.keys.get(old_id), gateway.keys.find(new)
    assert after is not None
    assert (after.name, after.models, after.life_days) == ("thesis", ("lab",), 30)
    assert timedelta(hours=23) < before.expires_at - utc_now() <= timedelta(hours=24)
    assert (statuses(gateway, old), statuses(gateway, new)) == (200, 200)
    assert "“thesis”" in page.text


def test_a_key_replaced_without_overlap_is_void_at_once(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    old = key_in(ada.post("/keys", {"name": "", "days": "30"}))

    page = ada.post(f"/keys/{only_key(gateway).id}/rotate", {"overlap": "0"})

    assert "does not work any more" in page.text
    assert statuses(gateway, old) == 401


@pytest.mark.parametrize("overlap", ["", "2", "-1", "x", "1000000"])
def test_an_overlap_that_was_not_offered_replaces_nothing(gateway: InProcess, overlap: str) -> None:
    ada = Browser(gateway, "ada")
    ada.post("/keys", {"name": "", "days": "30"})

    answer = ada.post(f"/keys/{only_key(gateway).id}/rotate", {"overlap": overlap})

    assert answer.status_code == 400
    only_key(gateway)


def test_a_key_that_is_over_is_not_replaced(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    ada.post("/keys", {"name": "", "days": "30"})
    id_ = only_key(gateway).id
    ada.post(f"/keys/{id_}/revoke", {"sure": "yes"})

    assert ada.get(f"/keys/{id_}/rotate").status_code == 400
    assert ada.post(f"/keys/{id_}/rotate", {"overlap": "24"}).status_code == 400
    only_key(gateway)


def test_a_programs_long_life_is_not_renewed_by_its_owner(gateway: InProcess) -> None:
    record, _ = gateway.keys.create("ada", "robot", 900, None, utc_now(), is_service=True)
    ada = Browser(gateway, "ada")

    assert ada.post(f"/keys/{record.id}/rotate", {"overlap": "24"}).status_code == 400
    only_key(gateway)


def test_each_deed_stands_in_the_audit_log_and_no_key_does(gateway: InProcess) -> None:
    ada = Browser(gateway, "ada")
    old = key_in(ada.post("/keys", {"name": "thesis", "days": "30"}))
    id_ = only_key(gateway).id
    new = key_in(ada.post(f"/keys/{id_}/rotate", {"overlap": "1"}))
    ada.post(f"/keys/{id_}/revoke", {"sure": "yes"})

    entries = AuditLog(gateway.database).query(Wanted(action="key"))

    assert [(each.action, each.actor, each.subject) for each in reversed(entries)] == [
        ("key.create", "ada", id_),
        ("key.rotate", "ada", id_),
        ("key.revoke", "ada", id_),
    ]
    assert {each.origin for each in entries} == {"127.0.0.1"}
    told = repr(entries)
    assert old not in told
    assert new not in told


def test_the_list_warns_of_a_key_that_ends_soon_and_tells_when_it_was_used(
    gateway: InProcess,
) -> None:
    now = utc_now()
    soon, _ = gateway.keys.create("ada", "soon", 90, None, now - timedelta(days=85))
    gateway.keys.create("ada", "later", 90, None, now)
    gateway.keys.touch({soon.id: now - timedelta(minutes=5)})

    text = Browser(gateway, "ada").get("/keys").text

    assert text.count("ends soon") == 1
    assert "Ends in 5 d" in text or "Ends in 4 d" in text
    assert "5 min ago" in text
    assert text.count("never") == 1


def test_a_user_with_thousands_of_keys_sees_them_page_by_page(gateway: InProcess) -> None:
    now = utc_now()
    for number in range(120):
        gateway.keys.create("ada", f"key {number}", 90, None, now + timedelta(seconds=number))
    ada = Browser(gateway, "ada")

    first, last = ada.get("/keys").text, ada.get("/keys?page=3").text
    beyond, junk = ada.get("/keys?page=99"), ada.get("/keys?page=-1&show=x")

    assert (first.count('scope="row"'), last.count('scope="row"')) == (50, 20)
    assert "120 keys" in first
    assert "key 119" in first
    assert "key 0" in last
    assert beyond.status_code == junk.status_code == 200
    found = ada.get("/keys?q=key+117").text
    assert found.count('scope="row"') == 1


def test_who_has_no_key_is_led_to_the_first_one(gateway: InProcess) -> None:
    text = Browser(gateway, "ada").get("/keys").text

    assert "You have no key that works" in text
    assert 'href="/keys/new"' in text
